// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/cli.h"

int main(int argc, char **argv)
{
	struct cli cli;

	cli_init(&cli, stdout, stderr);
	return cli_main(&cli, argc, argv);
}
