// SPDX-License-Identifier: Apache-2.0
/* stats show watch: in place on a terminal, block after block in a pipe, a line each in JSON. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <time.h>

#include "agent/cli/record.h"
#include "agent/cli/stats.h"
#include "agent/cli/stop.h"

#define CLEAR_SCREEN "\033[2J"
#define CURSOR_HOME "\033[H"
#define CURSOR_HIDE "\033[?25l"
#define CURSOR_SHOW "\033[?25h"
#define CLEAR_LINE_END "\033[K"
#define CLEAR_BELOW "\033[J"

struct watch {
	struct cli *cli;
	struct stop stop;
	int timer;
	bool redraws; /* in place */
	bool has_keys;
	struct termios terminal; /* as it was */
	json_t *before;
	struct timespec read_at;
};

static void watch_end(struct watch *watch)
{
	if (watch->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &watch->terminal);
	if (watch->redraws) {
		fputs(CURSOR_SHOW, watch->cli->out);
		fflush(watch->cli->out);
	}
	json_decref(watch->before);
	cleanup_close(&watch->timer);
	stop_end(&watch->stop);
}

/* Single keys, without echo; Ctrl-C still sends its signal. */
static void take_keys(struct watch *watch)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &watch->terminal))
		return;
	raw = watch->terminal;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	watch->has_keys = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int watch_begin(struct watch *watch)
{
	struct itimerspec each = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
	struct cli *cli = watch->cli;
	int rc = stop_begin(&watch->stop, &cli->report);

	if (rc)
		return rc;
	watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch->timer < 0 || timerfd_settime(watch->timer, 0, &each, NULL))
		return report_errno(&cli->report, errno, "setting a timer");
	watch->redraws = cli->width && !cli->options.json;
	if (!watch->redraws)
		return 0;
	take_keys(watch);
	fputs(CURSOR_HIDE CLEAR_SCREEN, cli->out);
	return 0;
}

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

/* Over what was there before, and not more than the screen has. */
static void draw(struct watch *watch, const char *text)
{
	FILE *out = watch->cli->out;
	struct winsize size = {0};
	size_t rows;

	ioctl(fileno(out), TIOCGWINSZ, &size);
	rows = size.ws_row ? size.ws_row : 24;
	fputs(CURSOR_HOME, out);
	while (*text && --rows) {
		size_t length = strcspn(text, "\n");

		fprintf(out, "%.*s" CLEAR_LINE_END "\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
	fputs(CLEAR_BELOW, out);
}

static int show_text(struct watch *watch, const json_t *now)
{
	_cleanup_free_ char *text = NULL;
	char moment[RECORD_TIME_LEN];
	struct cli *cli = watch->cli;
	struct winsize size = {0};
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return cli_no_memory(cli);
	if (watch->redraws && !ioctl(fileno(cli->out), TIOCGWINSZ, &size) && size.ws_col)
		cli->width = size.ws_col;
	fprintf(out, "%s%s\n\n", record_time(time(NULL), -1, moment),
		watch->redraws ? "   (q ends)" : "");
	render_view(out, cli->width, &stats_watch_view, now);
	if (fclose(out))
		return cli_no_memory(cli);
	if (watch->redraws)
		draw(watch, text);
	else
		fprintf(cli->out, "%s\n", text);
	return 0;
}

static int show_once(struct watch *watch)
{
	struct cli *cli = watch->cli;
	struct timespec moment = {0};
	json_t *now = NULL;
	int rc = stats_read(cli, &now);

	if (rc)
		return rc;
	report_clear(&cli->report); /* the same warnings every second help nobody */
	clock_gettime(CLOCK_MONOTONIC, &moment);
	stats_add_rates(now, watch->before, seconds_between(&watch->read_at, &moment));
	if (cli->options.json)
		render_json(cli->out, now, false);
	else
		rc = show_text(watch, now);
	json_decref(watch->before);
	watch->before = now;
	watch->read_at = moment;
	if (!rc && fflush(cli->out))
		return report_errno(&cli->report, errno, "writing the output");
	return rc;
}

/* Returns 1 when the next second has come, 0 when it is time to stop. */
static int wait_second(struct watch *watch)
{
	struct pollfd fds[] = {
		{.fd = watch->timer, .events = POLLIN},
		{.fd = watch->stop.fd, .events = POLLIN},
		{.fd = watch->has_keys ? STDIN_FILENO : -1, .events = POLLIN},
	};
	uint64_t ticks;

	for (;;) {
		char key = 0;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return report_errno(&watch->cli->report, errno, "waiting");
		if (fds[1].revents)
			return 0;
		if (fds[2].revents && (read(STDIN_FILENO, &key, 1) < 1 || key == 'q'))
			return 0;
		if (fds[0].revents && read(watch->timer, &ticks, sizeof(ticks)) > 0)
			return 1;
	}
}

int stats_watch(struct cli *cli)
{
	_cleanup_(watch_end) struct watch watch = {.cli = cli, .timer = -1, .stop.fd = -1};
	int rc = watch_begin(&watch);

	if (rc)
		return rc;
	do {
		rc = show_once(&watch);
		if (rc)
			return rc;
		rc = wait_second(&watch);
	} while (rc > 0);
	return rc;
}
