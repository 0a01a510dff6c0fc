/*
 * A software stand-in for an SDF device (GM/T 0018), as far as SM4 keys under a key-encryption key go. It has an SM4 of its
 * own (GB/T 32907), so that the test can hold it against Node's. It is for tests, and protects nothing.
 *
 * Key-encryption keys: index 1 is 0x01 sixteen times, index 2 is 0x02 sixteen times. There are no others.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SDR_OK 0
#define SDR_BASE 0x01000000
#define SDR_OPENSESSION (SDR_BASE + 0x06)
#define SDR_KEYNOTEXIST (SDR_BASE + 0x08)
#define SDR_ALGNOTSUPPORT (SDR_BASE + 0x09)
#define SDR_RANDERR (SDR_BASE + 0x17)
#define SDR_NOBUFFER (SDR_BASE + 0x1c)
#define SDR_INARGERR (SDR_BASE + 0x1d)
#define SGD_SM4_ECB 0x00000401
#define SGD_SM4_CBC 0x00000402

typedef unsigned int uint;
typedef unsigned char byte;

/* ------------------------------------------------------------------------------------------------ what tests set and see */

static char failing[64];
static int failing_code;
static uint lying_length;
static int open_devices, open_sessions, open_keys;

/* The next call of this function fails with the code; or, with code 0, gives no handle. */
void stub_fail_next(const char *function, int code) {
  snprintf(failing, sizeof failing, "%s", function);
  failing_code = code;
}
/* The next length that is given is this one. */
void stub_lie_length(uint length) { lying_length = length; }
/* How many devices (100s), sessions (10s) and keys (1s) are open. */
int stub_open(void) { return open_devices * 100 + open_sessions * 10 + open_keys; }

static int fails(const char *function) {
  if (strcmp(failing, function) != 0) return 0;
  failing[0] = 0;
  return 1;
}
#define MAY_FAIL if (fails(__func__)) return failing_code

static uint length_of(uint length) {
  uint told = lying_length ? lying_length : length;
  lying_length = 0;
  return told;
}

/* -------------------------------------------------------------------------------------------------------------------- SM4 */

static const byte sbox[256] = {
  0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
  0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
  0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
  0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
  0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
  0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
  0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
  0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
  0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
  0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
  0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
  0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
  0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
  0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
  0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
  0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};

static uint32_t rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

static uint32_t substitute(uint32_t x) {
  return (uint32_t)sbox[x >> 24] << 24 | (uint32_t)sbox[x >> 16 & 255] << 16 | (uint32_t)sbox[x >> 8 & 255] << 8 |
         sbox[x & 255];
}

static uint32_t word(const byte *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void sm4_block(const byte key[16], int decrypting, const byte in[16], byte out[16]) {
  static const uint32_t fk[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};
  uint32_t k[36], x[36];
  for (int i = 0; i < 4; i++) k[i] = word(key + 4 * i) ^ fk[i], x[i] = word(in + 4 * i);
  for (int i = 0; i < 32; i++) {
    uint32_t ck = 0;
    for (int j = 0; j < 4; j++) ck = ck << 8 | (byte)((4 * i + j) * 7);
    uint32_t t = substitute(k[i + 1] ^ k[i + 2] ^ k[i + 3] ^ ck);
    k[i + 4] = k[i] ^ t ^ rotate(t, 13) ^ rotate(t, 23);
  }
  for (int i = 0; i < 32; i++) {
    uint32_t t = substitute(x[i + 1] ^ x[i + 2] ^ x[i + 3] ^ k[decrypting ? 35 - i : i + 4]);
    x[i + 4] = x[i] ^ t ^ rotate(t, 2) ^ rotate(t, 10) ^ rotate(t, 18) ^ rotate(t, 24);
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) out[4 * i + j] = (byte)(x[35 - i] >> (24 - 8 * j));
}

/* ----------------------------------------------------------------------------------------------------- devices and sessions */

typedef struct { int device; } Device;
typedef struct { Device *device; } Session;
typedef struct { byte bytes[16]; } Key;

int SDF_OpenDevice(void **device) {
  *device = NULL;
  MAY_FAIL;
  *device = calloc(1, sizeof(Device));
  open_devices++;
  return SDR_OK;
}

int SDF_CloseDevice(void *device) {
  free(device);
  open_devices--;
  MAY_FAIL;
  return SDR_OK;
}

int SDF_OpenSession(void *device, void **session) {
  *session = NULL;
  MAY_FAIL;
  if (!device) return SDR_OPENSESSION;
  Session *made = calloc(1, sizeof(Session));
  made->device = device;
  *session = made;
  open_sessions++;
  return SDR_OK;
}

int SDF_CloseSession(void *session) {
  free(session);
  open_sessions--;
  MAY_FAIL;
  return SDR_OK;
}

static int draw(byte *bytes, uint length) {
  FILE *source = fopen("/dev/urandom", "rb");
  if (!source) return 0;
  size_t read = fread(bytes, 1, length, source);
  fclose(source);
  return read == length;
}

int SDF_GenerateRandom(void *session, uint length, byte *random) {
  MAY_FAIL;
  return session && draw(random, length) ? SDR_OK : SDR_RANDERR;
}

/* -------------------------------------------------------------------------------------------------------------------- keys */

static int key_encryption_key(uint index, byte key[16]) {
  if (index < 1 || index > 2) return 0;
  memset(key, (int)index, 16);
  return 1;
}

static void *new_key(const byte bytes[16]) {
  Key *key = malloc(sizeof(Key));
  memcpy(key->bytes, bytes, 16);
  open_keys++;
  return key;
}

int SDF_GenerateKeyWithKEK(void *session, uint bits, uint algorithm, uint index, byte *wrapped, uint *length, void **key) {
  *key = NULL;
  MAY_FAIL;
  byte kek[16], bytes[16];
  if (!session || bits != 128) return SDR_INARGERR;
  if (algorithm != SGD_SM4_ECB) return SDR_ALGNOTSUPPORT;
  if (!key_encryption_key(index, kek)) return SDR_KEYNOTEXIST;
  if (*length < 16) return SDR_NOBUFFER;
  if (!draw(bytes, 16)) return SDR_RANDERR;
  sm4_block(kek, 0, bytes, wrapped);
  *length = length_of(16);
  *key = new_key(bytes);
  return SDR_OK;
}

int SDF_ImportKeyWithKEK(void *session, uint algorithm, uint index, byte *wrapped, uint length, void **key) {
  *key = NULL;
  MAY_FAIL;
  byte kek[16], bytes[16];
  if (!session || length != 16) return SDR_INARGERR;
  if (algorithm != SGD_SM4_ECB) return SDR_ALGNOTSUPPORT;
  if (!key_encryption_key(index, kek)) return SDR_KEYNOTEXIST;
  sm4_block(kek, 1, wrapped, bytes);
  *key = new_key(bytes);
  return SDR_OK;
}

int SDF_DestroyKey(void *session, void *key) {
  if (!session) return SDR_INARGERR;
  memset(key, 0, sizeof(Key));
  free(key);
  open_keys--;
  MAY_FAIL;
  return SDR_OK;
}

static int blocks(Key *key, int decrypting, uint algorithm, byte *iv, const byte *in, uint length, byte *out, uint *told) {
  if (length % 16 != 0) return SDR_INARGERR;
  if (*told < length) return SDR_NOBUFFER;
  if (algorithm != SGD_SM4_ECB && algorithm != SGD_SM4_CBC) return SDR_ALGNOTSUPPORT;
  int chained = algorithm == SGD_SM4_CBC;
  for (uint at = 0; at < length; at += 16) {
    byte block[16], given[16];
    memcpy(given, in + at, 16);
    for (int i = 0; i < 16; i++) block[i] = given[i] ^ (chained && !decrypting ? iv[i] : 0);
    sm4_block(key->bytes, decrypting, block, out + at);
    for (int i = 0; i < 16; i++) out[at + i] ^= chained && decrypting ? iv[i] : 0;
    /* As devices do: the IV is where the next call would go on. */
    if (chained) memcpy(iv, decrypting ? given : out + at, 16);
  }
  *told = length_of(length);
  return SDR_OK;
}

int SDF_Encrypt(void *session, void *key, uint algorithm, byte *iv, byte *data, uint length, byte *out, uint *told) {
  MAY_FAIL;
  return session && key ? blocks(key, 0, algorithm, iv, data, length, out, told) : SDR_INARGERR;
}

int SDF_Decrypt(void *session, void *key, uint algorithm, byte *iv, byte *data, uint length, byte *out, uint *told) {
  MAY_FAIL;
  return session && key ? blocks(key, 1, algorithm, iv, data, length, out, told) : SDR_INARGERR;
}
