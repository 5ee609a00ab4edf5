#include "net/tls.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/disk.h"

enum { PEM_BYTES_MAX = 1024 * 1024, CHAIN_MAX = 16 };

struct loaded {
	struct tls_pair pair;
	struct loaded *older;
};

struct tls {
	char *cert_path;
	char *key_path;
	_Atomic(struct loaded *) newest;
};

static void loaded_free(struct loaded *loaded)
{
	for (unsigned i = 0; i < loaded->pair.certificate_count; i++)
		gnutls_pcert_deinit(&loaded->pair.certificates[i]);
	free(loaded->pair.certificates);
	if (loaded->pair.key)
		gnutls_privkey_deinit(loaded->pair.key);
	free(loaded);
}

static void loaded_cleanup(struct loaded **loaded)
{
	if (*loaded)
		loaded_free(*loaded);
}

static gnutls_datum_t datum_of(struct buffer *buffer)
{
	return (gnutls_datum_t){.data = (unsigned char *)buffer->data, .size = (unsigned)buffer->size};
}

static bool tls_failed(int result, const char *setting, struct error *err)
{
	error_set(err, ERR_USAGE, "%s: the file cannot be used", setting);
	return error_detail(err, "%s", gnutls_strerror(result));
}

static bool read_pem(const char *path, const char *setting, struct buffer *out, struct error *err)
{
	if (disk_read_file(path, PEM_BYTES_MAX, out, err))
		return true;
	err->code = ERR_USAGE;
	return error_context(err, "%s", setting);
}

static bool load_key(struct loaded *loaded, const char *path, struct error *err)
{
	OWNED(buffer) struct buffer pem = {0};
	if (!read_pem(path, "tls-key", &pem, err))
		return false;
	gnutls_datum_t datum = datum_of(&pem);
	int result = gnutls_privkey_init(&loaded->pair.key);
	if (result >= 0)
		result = gnutls_privkey_import_x509_raw(loaded->pair.key, &datum, GNUTLS_X509_FMT_PEM, NULL,
							0);
	explicit_bzero(pem.data, pem.capacity);
	return result >= 0 ? true : tls_failed(result, "tls-key", err);
}

static bool load_certificates(struct loaded *loaded, const char *path, struct error *err)
{
	OWNED(buffer) struct buffer pem = {0};
	if (!read_pem(path, "tls-cert", &pem, err))
		return false;
	gnutls_datum_t datum = datum_of(&pem);
	unsigned count = CHAIN_MAX;
	loaded->pair.certificates = calloc(CHAIN_MAX, sizeof(gnutls_pcert_st));
	ASSERT(loaded->pair.certificates != NULL);
	int result =
		gnutls_pcert_list_import_x509_raw(loaded->pair.certificates, &count, &datum,
						  GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (result < 0)
		return tls_failed(result, "tls-cert", err);
	loaded->pair.certificate_count = count;
	return true;
}

// A key that does not belong to the certificate would only be noticed by clients.
static bool belong_together(const struct loaded *loaded)
{
	gnutls_pubkey_t of_key = NULL;
	unsigned char id_of_key[64];
	unsigned char id_of_cert[64];
	size_t key_size = sizeof(id_of_key);
	size_t cert_size = sizeof(id_of_cert);
	bool same = gnutls_pubkey_init(&of_key) >= 0 &&
		    gnutls_pubkey_import_privkey(of_key, loaded->pair.key, 0, 0) >= 0 &&
		    gnutls_pubkey_get_key_id(of_key, 0, id_of_key, &key_size) >= 0 &&
		    gnutls_pubkey_get_key_id(loaded->pair.certificates[0].pubkey, 0, id_of_cert,
					     &cert_size) >= 0 &&
		    key_size == cert_size && memcmp(id_of_key, id_of_cert, key_size) == 0;
	if (of_key)
		gnutls_pubkey_deinit(of_key);
	return same;
}

bool tls_reload(struct tls *tls, struct error *err)
{
	OWNED(loaded) struct loaded *loaded = calloc(1, sizeof(*loaded));
	ASSERT(loaded != NULL);
	if (!load_certificates(loaded, tls->cert_path, err) || !load_key(loaded, tls->key_path, err))
		return false;
	if (!belong_together(loaded))
		return error_set(err, ERR_USAGE,
				 "tls-key: the key does not belong to the certificate of tls-cert");
	loaded->older = atomic_load(&tls->newest);
	atomic_store(&tls->newest, TAKE(loaded));
	return true;
}

bool tls_open(const char *cert_path, const char *key_path, struct tls **out, struct error *err)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	ASSERT(tls != NULL);
	tls->cert_path = strdup(cert_path);
	tls->key_path = strdup(key_path);
	ASSERT(tls->cert_path != NULL && tls->key_path != NULL);
	if (!tls_reload(tls, err)) {
		tls_close(tls);
		return false;
	}
	*out = tls;
	return true;
}

const struct tls_pair *tls_current(struct tls *tls)
{
	return &atomic_load(&tls->newest)->pair;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	struct loaded *at = atomic_load(&tls->newest);
	while (at) {
		struct loaded *older = at->older;
		loaded_free(at);
		at = older;
	}
	free(tls->cert_path);
	free(tls->key_path);
	free(tls);
}
