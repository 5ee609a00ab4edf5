/// target: which database a request means, by its path, a header or its host (design "Addresses").
///
/// In this order: `/db/{label}/…` and `/dev/{label}/v2|v3/pipeline`, `x-namespace-bin`, `x-namespace`, and
/// `{label}.{domain}` as Host. The label is never split: it is looked up as it stands.
#ifndef ATOLL_NET_TARGET_H
#define ATOLL_NET_TARGET_H

#include <stdbool.h>

#include "base/arena.h"

enum { TARGET_LABEL_BYTES_MAX = 256 }; // with NUL

/// A path without repeated slashes: itself, or a copy in the arena.
const char *target_collapse(struct arena *arena, const char *path);

/// Splits a label off the path's beginning. False when the path carries none.
bool target_of_path(const char *path, char label[TARGET_LABEL_BYTES_MAX], const char **out_rest);

/// The label of a Host header: `domain` is in lower case and begins with a dot. Port and last dot are
/// dropped.
bool target_of_host(const char *host, const char *domain, char label[TARGET_LABEL_BYTES_MAX]);

/// The label of an `x-namespace` header. False when it is empty or too long for any label.
bool target_of_text(const char *text, char label[TARGET_LABEL_BYTES_MAX]);

/// The label of an `x-namespace-bin` header: base64 of its text.
bool target_of_binary(const char *base64, char label[TARGET_LABEL_BYTES_MAX]);

/// All of it in that order. *out_rest is the path without a label. `path` is collapsed.
enum target_source { TARGET_NONE, TARGET_BY_PATH, TARGET_BY_HEADER, TARGET_BY_HOST };
struct net_request;
enum target_source target_of_request(const struct net_request *request, const char *path, const char *domain,
				     char label[TARGET_LABEL_BYTES_MAX], const char **out_rest);

#endif
