/// documents: texts that are made at the start and served to everybody: as they are, and compressed for those who can
/// read that.
#ifndef ATOLL_API_DOCUMENTS_H
#define ATOLL_API_DOCUMENTS_H

#include "base/buffer.h"

struct document {
	struct buffer plain;
	struct buffer gzip;
};

struct documents {
	struct document openapi;
	struct document page;
	struct document style;
};

void documents_make(struct documents *documents);
void documents_cleanup(struct documents *documents);

#endif
