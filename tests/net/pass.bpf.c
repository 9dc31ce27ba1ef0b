// SPDX-License-Identifier: Apache-2.0
/* Somebody else's XDP program: it passes everything. */
struct xdp_md;

__attribute__((section("xdp"), used)) int someone_else(struct xdp_md *context)
{
	(void)context;
	return 2; /* XDP_PASS */
}

char _license[] __attribute__((section("license"), used)) = "Apache-2.0";
