/// attributes: the compiler's help, wrapped once.
///
/// OWNED(type) declares a local that is released when it leaves scope by `type_release_at_exit`; TAKE moves
/// ownership out of such a local. ASSERT is for our own bugs and stays on in release builds.
#ifndef ATOLL_BASE_ATTRIBUTES_H
#define ATOLL_BASE_ATTRIBUTES_H

#include <stdio.h>
#include <stdlib.h>

#define MUST_USE                         __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define NO_RETURN                        __attribute__((noreturn))
#define UNUSED                           __attribute__((unused))

/// OWNED(buffer) struct buffer b = {0};  calls buffer_cleanup(&b) at the end of the scope.
/// A type takes part by defining a function `NAME_cleanup(T *)`.
#define OWNED(name) __attribute__((cleanup(name##_cleanup)))

/// Moves a pointer out of an owning local: the local becomes NULL, the value is the result.
#define TAKE(pointer)                                                                                        \
	__extension__({                                                                                      \
		__auto_type taken_ = (pointer);                                                              \
		(pointer) = NULL;                                                                            \
		taken_;                                                                                      \
	})

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/// Ends the process with the place of the failed belief. Never used for bad input.
#define ASSERT(condition)                                                                                    \
	do {                                                                                                 \
		if (__builtin_expect(!(condition), 0)) {                                                     \
			fprintf(stderr, "atoll: %s:%d: assertion failed: %s\n", __FILE__, __LINE__,          \
				#condition);                                                                 \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/// malloc'd memory held in a `char *` local: OWNED(text) char *name = NULL;
static inline void text_cleanup(char **text)
{
	free(*text);
	*text = NULL;
}

#endif
