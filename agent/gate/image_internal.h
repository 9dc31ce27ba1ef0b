/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of image_compile(), in the order in which they run. */
#ifndef APIMGATE_GATE_IMAGE_INTERNAL_H
#define APIMGATE_GATE_IMAGE_INTERNAL_H

#include "agent/gate/image.h"

/* Masks by port and protocol, and the sets that each service admits. */
int image_compile_services(struct image *image, const struct policy *policy, struct report *report);

/* Slots, entries, temporary rights and the two tables of sources. */
int image_compile_sources(struct image *image, const struct policy *policy, struct report *report);

/* The two tables of destinations. */
int image_compile_destinations(struct image *image, const struct policy *policy,
			       struct report *report);

/* The services that admit any of the sets. */
uint64_t image_services_of_sets(const struct image *image, uint64_t sets);

/* The index of these rights in the head; added where they are new. */
int image_add_rights(struct image *image, uint64_t services, uint64_t sets, uint32_t *index,
		     struct report *report);

#endif
