#include "common/expr/uuid5.h"

#include <array>
#include <bit>
#include <string>

namespace foldline::expr {
namespace {

using Words = std::array<std::uint32_t, 5>;

// One block of 64 bytes: FIPS 180-4, section 6.1.2.
void sha1_block(Words& state, const unsigned char* block) {
  std::array<std::uint32_t, 80> w{};
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 4; ++j) w[i] = w[i] << 8 | block[i * 4 + j];
  }
  for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t f = 0;
    std::uint32_t k = 0;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5A827999;
    } else if (i < 40) {
      f = b ^ c ^ d;
      k = 0x6ED9EBA1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8F1BBCDC;
    } else {
      f = b ^ c ^ d;
      k = 0xCA62C1D6;
    }
    const std::uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

Words sha1(std::string bytes) {
  Words state{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  const std::uint64_t bits = static_cast<std::uint64_t>(bytes.size()) * 8;
  bytes += '\x80';
  while (bytes.size() % 64 != 56) bytes += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(static_cast<unsigned char>(bits >> shift));
  for (std::size_t i = 0; i < bytes.size(); i += 64) sha1_block(state, reinterpret_cast<const unsigned char*>(bytes.data()) + i);
  return state;
}

}  // namespace

Uuid uuid5(const Uuid& space, std::string_view name) {
  std::string bytes(reinterpret_cast<const char*>(space.bytes.data()), space.bytes.size());
  bytes += name;
  const Words digest = sha1(std::move(bytes));
  Uuid out;
  for (std::size_t i = 0; i < out.bytes.size(); ++i) out.bytes[i] = static_cast<std::uint8_t>(digest[i / 4] >> (24 - 8 * (i % 4)));
  out.bytes[6] = static_cast<std::uint8_t>((out.bytes[6] & 0x0F) | 0x50);
  out.bytes[8] = static_cast<std::uint8_t>((out.bytes[8] & 0x3F) | 0x80);
  return out;
}

std::optional<Uuid> uuid5_namespace(std::string_view name) {
  if (name == "dns") return Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  if (name == "url") return Uuid::parse("6ba7b811-9dad-11d1-80b4-00c04fd430c8");
  if (name == "oid") return Uuid::parse("6ba7b812-9dad-11d1-80b4-00c04fd430c8");
  if (name == "x500") return Uuid::parse("6ba7b814-9dad-11d1-80b4-00c04fd430c8");
  return std::nullopt;
}

}  // namespace foldline::expr
