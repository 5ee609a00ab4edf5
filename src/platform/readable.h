/// readable: names that people can remember, "brisk-heron".
#ifndef ATOLL_PLATFORM_READABLE_H
#define ATOLL_PLATFORM_READABLE_H

#include "platform/names.h"

/// Two random words. There are some 30 000 pairs: whoever needs a unique name asks again.
void readable_name(char name[NAME_BYTES]);

#endif
