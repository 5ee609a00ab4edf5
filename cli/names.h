/// names: readable names for things whose owner did not care for one.
#ifndef ATOLL_CLI_NAMES_H
#define ATOLL_CLI_NAMES_H

enum { NAME_BYTES = 32 };

/// Two words and a hyphen, as in "quiet-lagoon". crypt_start must have been called.
void name_generate(char name[NAME_BYTES]);

#endif
