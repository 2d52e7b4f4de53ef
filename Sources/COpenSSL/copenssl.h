// libssl and libcrypto as Swift can call them: what OpenSSL has as macros, as functions; and the two windows that take the place of a
// socket under a session.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// --- Windows ---

/// What a session reads, which its owner lends for one call, and what it has written, which its owner takes away.
typedef struct {
  const unsigned char *in;
  size_t in_count;
  /// Bytes that the last read asked for beyond what there was; 0 when it got all. Without read_ahead OpenSSL asks for a header of five
  /// bytes, then for exactly the rest of the record.
  size_t missing;
  /// Bytes that were read since the owner last set it to 0.
  size_t taken;
  unsigned char *out;
  size_t out_start, out_count, out_capacity;
  /// Of a client: the first certificate of the server's chain that is not good; NULL as long as there is none.
  X509 *rejected;
  /// Of a client: whether the server has asked for a certificate, and there was none.
  int is_asked;
} copenssl_windows;

static inline int copenssl_read(BIO *bio, char *bytes, int count) {
  copenssl_windows *windows = (copenssl_windows *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  size_t taken = windows->in_count < (size_t)count ? windows->in_count : (size_t)count;
  windows->missing = (size_t)count - taken;
  windows->taken += taken;
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  memcpy(bytes, windows->in, taken);
  windows->in += taken;
  windows->in_count -= taken;
  return (int)taken;
}

static inline int copenssl_write(BIO *bio, const char *bytes, int count) {
  copenssl_windows *windows = (copenssl_windows *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  // What has left makes room: otherwise memory grows with all that was ever sealed while a peer never takes the last of it.
  if (windows->out_start > 0 && windows->out_start >= windows->out_count) {
    memmove(windows->out, windows->out + windows->out_start, windows->out_count);
    windows->out_start = 0;
  }
  size_t end = windows->out_start + windows->out_count;
  if (windows->out_capacity - end < (size_t)count) {
    size_t capacity = windows->out_capacity < 512 ? 512 : windows->out_capacity;
    while (capacity - end < (size_t)count) capacity *= 2;
    unsigned char *larger = (unsigned char *)realloc(windows->out, capacity);
    if (larger == NULL) return -1;
    windows->out = larger;
    windows->out_capacity = capacity;
  }
  memcpy(windows->out + end, bytes, (size_t)count);
  windows->out_count += (size_t)count;
  return count;
}

static inline long copenssl_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static inline int copenssl_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/// How sessions reach their windows; NULL without memory. Made once for a process.
static inline BIO_METHOD *copenssl_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "windows");
  if (method == NULL) return NULL;
  BIO_meth_set_read(method, copenssl_read);
  BIO_meth_set_write(method, copenssl_write);
  BIO_meth_set_ctrl(method, copenssl_control);
  BIO_meth_set_create(method, copenssl_create);
  return method;
}

/// Takes `count` bytes of what a session has written away, and the memory with the last of them: an idle session has none.
static inline void copenssl_sent(copenssl_windows *windows, size_t count) {
  windows->out_start += count;
  windows->out_count -= count;
  if (windows->out_count > 0) return;
  free(windows->out);
  windows->out = NULL;
  windows->out_start = windows->out_capacity = 0;
}

// --- Clients ---

static inline copenssl_windows *copenssl_windows_of(const SSL *session) {
  BIO *bio = session == NULL ? NULL : SSL_get_rbio(session);
  return bio == NULL ? NULL : (copenssl_windows *)BIO_get_data(bio);
}

/// Keeps the certificate that is not good, so that words can be found for it. Whether it is, OpenSSL has decided.
static inline int copenssl_keep_rejected(int is_good, X509_STORE_CTX *chain) {
  if (is_good) return is_good;
  copenssl_windows *windows =
      copenssl_windows_of((const SSL *)X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  X509 *certificate = X509_STORE_CTX_get_current_cert(chain);
  if (windows != NULL && windows->rejected == NULL && certificate != NULL && X509_up_ref(certificate) == 1)
    windows->rejected = certificate;
  return is_good;
}

/// Keeps that the server has asked for a certificate; called where there is none.
static inline int copenssl_keep_asked(SSL *session, X509 **certificate, EVP_PKEY **key) {
  (void)certificate, (void)key;
  copenssl_windows *windows = copenssl_windows_of(session);
  if (windows != NULL) windows->is_asked = 1;
  return 0;
}

/// Names are those of the certificate's list alone, and a star stands for a whole label (RFC 9525, 6.3 and 6.4).
static inline void copenssl_set_name_rules(SSL *session) {
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

// --- Macros ---

/// What is in force for every session, whatever the configuration says: nothing that is renegotiated, compressed or sent early, no memory
/// for a session that is idle, and records that are read as they come; a message of the protocol between two of data ends a call that
/// reads, so that somebody can count it.
static inline void copenssl_harden(SSL_CTX *context) {
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF |
                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_read_ahead(context, 0);
}

/// What is wrong with the ciphers of a context: 1 if one encrypts nothing or knows no peer, 2 if none is left for TLS 1.2 that its security
/// level lets through, 0 if nothing is.
static inline int copenssl_check_ciphers(SSL_CTX *context) {
  STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
    if (SSL_CIPHER_get_cipher_nid(cipher) == NID_undef || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null) return 1;
  }
  SSL *session = SSL_new(context);
  STACK_OF(SSL_CIPHER) *usable = session == NULL ? NULL : SSL_get1_supported_ciphers(session);
  int is_any_old = 0;
  for (int i = 0; i < sk_SSL_CIPHER_num(usable); i++)
    is_any_old |= SSL_CIPHER_get_kx_nid(sk_SSL_CIPHER_value(usable, i)) != NID_kx_any;
  sk_SSL_CIPHER_free(usable);
  SSL_free(session);
  return is_any_old ? 0 : 2;
}

static inline int copenssl_set_minimum(SSL_CTX *context, int version) { return (int)SSL_CTX_set_min_proto_version(context, version); }

static inline int copenssl_set_maximum(SSL_CTX *context, int version) { return (int)SSL_CTX_set_max_proto_version(context, version); }

static inline void copenssl_set_tickets(SSL_CTX *context, int are_sent) {
  if (!are_sent) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, are_sent ? 1 : 0);
}

typedef int (*copenssl_name_callback)(SSL *, int *, void *);

static inline void copenssl_set_name_callback(SSL_CTX *context, copenssl_name_callback callback, void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, callback);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}

static inline const char *copenssl_server_name(const SSL *session) { return SSL_get_servername(session, TLSEXT_NAMETYPE_host_name); }

static inline int copenssl_set_server_name(SSL *session, const char *name) { return (int)SSL_set_tlsext_host_name(session, name); }

static inline int copenssl_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add0_chain_cert(context, certificate);
}

/// The bytes of a name of a certificate, and how many; the kind is one of GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD. NULL for another kind.
static inline const unsigned char *copenssl_name(const GENERAL_NAMES *names, int index, int *kind, int *length) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  *kind = name->type;
  if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI && name->type != GEN_IPADD) return NULL;
  *length = ASN1_STRING_length(name->d.ia5);
  return ASN1_STRING_get0_data(name->d.ia5);
}

static inline GENERAL_NAMES *copenssl_names(const X509 *certificate) {
  return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int copenssl_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

/// The subject as RFC 2253 writes it, in UTF-8. Returns -1 without memory.
static inline int copenssl_print_subject(BIO *text, const X509 *certificate) {
  return X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

/// The same of whoever has signed it.
static inline int copenssl_print_issuer(BIO *text, const X509 *certificate) {
  return X509_NAME_print_ex(text, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

static inline long copenssl_memory(BIO *memory, char **bytes) { return BIO_get_mem_data(memory, bytes); }

/// Whether a record, or its header, is there in part.
static inline int copenssl_is_inside_record(const SSL *session, const copenssl_windows *windows) {
  return strcmp(SSL_rstate_string(session), "RB") == 0 || (windows->missing > 0 && windows->missing < SSL3_RT_HEADER_LENGTH);
}

static inline int copenssl_reason(unsigned long error) { return ERR_GET_REASON(error); }

static inline int copenssl_library(unsigned long error) { return ERR_GET_LIB(error); }

static inline int copenssl_no_passphrase(char *bytes, int size, int writes, void *argument) {
  (void)bytes, (void)size, (void)writes;
  if (argument != NULL) *(int *)argument = 1;
  return -1;
}
