// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/render.h"

#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/cli/text.h"

#define GAP 2	     /* between columns */
#define MIN_SHRUNK 8 /* a column is not cut below this */
#define MAX_COLUMNS 12

static char *render_list(const json_t *array)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, index;
	json_t *item;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	json_array_foreach(array, index, item)
	{
		_cleanup_free_ char *one = render_value(item);

		fprintf(out, "%s%s", index ? "," : "", one ? one : "");
	}
	if (fclose(out))
		return NULL;
	return TAKE_PTR(text);
}

char *render_value(const json_t *value)
{
	char *text = NULL;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_array(value) && json_array_size(value))
		return render_list(value);
	if (json_is_integer(value)) {
		if (asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) < 0)
			return NULL;
		return text;
	}
	if (json_is_real(value)) {
		if (asprintf(&text, "%.1f", json_real_value(value)) < 0)
			return NULL;
		return text;
	}
	return strdup("-");
}

char *render_yes_no(const json_t *row, const json_t *value)
{
	(void)row;
	return strdup(json_is_true(value) ? "yes" : "no");
}

char *render_all(const json_t *row, const json_t *value)
{
	(void)row;
	return json_array_size(value) ? render_value(value) : strdup("all");
}

char *render_bytes(const json_t *row, const json_t *value)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	double amount = (double)json_integer_value(value);
	char *text = NULL;
	size_t unit = 0;

	(void)row;
	if (!json_is_integer(value))
		return strdup("-");
	if (amount < 1024) {
		if (asprintf(&text, "%.0f B", amount) < 0)
			return NULL;
		return text;
	}
	for (amount /= 1024; amount >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		amount /= 1024;
	if (asprintf(&text, "%.1f %s", amount, units[unit]) < 0)
		return NULL;
	return text;
}

/* The escaped text of one cell, never NULL but when out of memory. */
static char *cell(const struct view_column *column, const json_t *row)
{
	const json_t *value = json_object_get(row, column->key);
	_cleanup_free_ char *raw =
		column->format ? column->format(row, value) : render_value(value);

	return raw ? text_escape(raw, false) : NULL;
}

struct table {
	const struct view_section *section;
	char **cells; /* by row, then column */
	size_t rows;
	size_t widths[MAX_COLUMNS];
};

static void table_free(struct table *table)
{
	if (!table->cells)
		return;
	for (size_t i = 0; i < table->rows * table->section->column_count; i++)
		free(table->cells[i]);
	free(table->cells);
}

static void table_fill(struct table *table, const json_t *array)
{
	const struct view_section *section = table->section;
	size_t index;
	json_t *row;

	for (size_t c = 0; c < section->column_count; c++)
		table->widths[c] = strlen(section->columns[c].title);
	table->cells = calloc(json_array_size(array) * section->column_count + 1, sizeof(char *));
	if (!table->cells)
		return;
	json_array_foreach(array, index, row)
	{
		if (section->keep && !section->keep(row))
			continue;
		for (size_t c = 0; c < section->column_count; c++) {
			char *text = cell(&section->columns[c], row);
			size_t width = text ? text_width(text) : 0;

			table->cells[table->rows * section->column_count + c] = text;
			if (width > table->widths[c])
				table->widths[c] = width;
		}
		table->rows++;
	}
}

/* Takes the excess from the widest of the columns that may shrink, bit by bit. */
static void table_fit(struct table *table, size_t width)
{
	size_t count = table->section->column_count, total = GAP * (count - 1);

	for (size_t c = 0; c < count; c++)
		total += table->widths[c];
	while (width && total > width) {
		size_t widest = count;

		for (size_t c = 0; c < count; c++) {
			if (!table->section->columns[c].shrinks || table->widths[c] <= MIN_SHRUNK)
				continue;
			if (widest == count || table->widths[c] > table->widths[widest])
				widest = c;
		}
		if (widest == count)
			return;
		table->widths[widest]--;
		total--;
	}
}

static void print_cell(FILE *out, const struct table *table, size_t column, const char *text)
{
	const struct view_column *view = &table->section->columns[column];
	size_t width = text_width(text), room = table->widths[column];
	bool is_last = column + 1 == table->section->column_count;

	if (column)
		fprintf(out, "%*s", GAP, "");
	if (width > room) {
		fprintf(out, "%.*s...", (int)text_bytes(text, room - 3), text);
		return;
	}
	if (view->right)
		fprintf(out, "%*s", (int)(room - width), "");
	fputs(text, out);
	if (!view->right && !is_last)
		fprintf(out, "%*s", (int)(room - width), "");
}

static void render_table(FILE *out, size_t width, const struct view_section *section,
			 const json_t *array)
{
	_cleanup_(table_free) struct table table = {.section = section};

	table_fill(&table, array);
	if (!table.rows) {
		if (section->empty)
			fprintf(out, "%s\n", section->empty);
		return;
	}
	table_fit(&table, width);
	if (section->heading)
		fprintf(out, "%s\n", section->heading);
	for (size_t c = 0; c < section->column_count; c++)
		print_cell(out, &table, c, section->columns[c].title);
	fputc('\n', out);
	for (size_t row = 0; row < table.rows; row++) {
		for (size_t c = 0; c < section->column_count; c++) {
			const char *text = table.cells[row * section->column_count + c];

			print_cell(out, &table, c, text ? text : "");
		}
		fputc('\n', out);
	}
}

static void render_block(FILE *out, size_t width, const struct view_section *section,
			 const json_t *object)
{
	size_t widest = 0;

	if (section->heading)
		fprintf(out, "%s\n", section->heading);
	for (size_t c = 0; c < section->column_count; c++)
		if (strlen(section->columns[c].title) > widest)
			widest = strlen(section->columns[c].title);
	for (size_t c = 0; c < section->column_count; c++) {
		const struct view_column *column = &section->columns[c];
		_cleanup_free_ char *text = cell(column, object);

		fprintf(out, "%-*s", (int)(widest + GAP), column->title);
		text_wrap(out, text ? text : "", widest + GAP, widest + GAP, width);
		fputc('\n', out);
	}
}

static bool is_shown(const struct view_section *section, const json_t *value)
{
	size_t index;
	json_t *row;

	if (json_is_object(value) || section->empty)
		return true;
	json_array_foreach(value, index, row) if (!section->keep || section->keep(row)) return true;
	return false;
}

void render_view(FILE *out, size_t width, const struct view *view, const json_t *result)
{
	bool is_first = true;

	for (size_t i = 0; i < view->section_count; i++) {
		const struct view_section *section = &view->sections[i];
		const json_t *value = section->key ? json_object_get(result, section->key) : result;

		if (!value || !is_shown(section, value))
			continue;
		if (!is_first && !section->joined)
			fputc('\n', out);
		is_first = false;
		if (json_is_array(value))
			render_table(out, width, section, value);
		else
			render_block(out, width, section, value);
	}
}

void render_json(FILE *out, const json_t *document, bool pretty)
{
	/* ASCII only: what a terminal shows of it is what is in it. */
	size_t flags =
		JSON_ENSURE_ASCII | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);

	json_dumpf(document, out, flags);
	fputc('\n', out);
}
