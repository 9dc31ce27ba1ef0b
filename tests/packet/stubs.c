#include "tests/packet/rig.h"
void add_reply_tests(void)
{
}
void add_prefix_tests(void)
{
}
void add_header_tests(void)
{
}
void add_service_tests(void)
{
}
void add_link_tests(void)
{
}
void add_event_tests(void)
{
}
void add_source_tests(void)
{
}
void add_large_tests(void)
{
}
