/// billing: what clients may say about who pays. Nobody does here, so it is taken, shown back, and not kept.
#ifndef ATOLL_API_BILLING_H
#define ATOLL_API_BILLING_H

enum { BILLING_TEXT_COUNT = 2, BILLING_TAX_COUNT = 2, BILLING_ADDRESS_COUNT = 6 };

extern const char *const billing_texts[BILLING_TEXT_COUNT];
extern const char *const billing_tax_texts[BILLING_TAX_COUNT];
extern const char *const billing_address_texts[BILLING_ADDRESS_COUNT];

/// A NULL text is "".
struct billing_customer {
	const char *texts[BILLING_TEXT_COUNT];
	const char *tax[BILLING_TAX_COUNT];
	const char *address[BILLING_ADDRESS_COUNT];
};

#endif
