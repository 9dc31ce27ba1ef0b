/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of every object, one file each. */
#ifndef APIMGATE_CLI_OBJECTS_H
#define APIMGATE_CLI_OBJECTS_H

#include "agent/cli/table.h"

extern const struct object object_link;
extern const struct object object_set;
extern const struct object object_allow;
extern const struct object object_service;
extern const struct object object_default;
extern const struct object object_check;
extern const struct object object_stats;
extern const struct object object_event;
extern const struct object object_doctor;
extern const struct object object_batch;
extern const struct object object_restore;
extern const struct object object_version;
extern const struct object object_help;
extern const struct object object_complete;

#endif
