//! The two hash functions of scripts, over the eight bytes of an integer.

const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const MURMUR_M: u64 = 0xc6a4_a793_5bd1_e995;
const MURMUR_R: u32 = 47;

/// Computes the 64-bit FNV-1a hash of the bytes of `value`, the lowest first; `seed` is combined
/// with the offset basis by XOR. Source: Fowler, Noll, Vo, *The FNV Non-Cryptographic Hash
/// Algorithm*, section 2.
pub(crate) fn fnv1a(value: i64, seed: i64) -> i64 {
    let begin = FNV_OFFSET_BASIS ^ seed.cast_unsigned();
    let hash = value.to_le_bytes().iter().fold(begin, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    });
    hash.cast_signed()
}

/// Computes the hash `MurmurHash64A` of `value` as one block of eight bytes, with `seed`. Source:
/// A. Appleby, *`MurmurHash2`*, 64-bit version.
pub(crate) fn murmur2(value: i64, seed: i64) -> i64 {
    let mut block = value.cast_unsigned().wrapping_mul(MURMUR_M);
    block ^= block >> MURMUR_R;
    block = block.wrapping_mul(MURMUR_M);
    let length = 8_u64;
    let mut hash = seed.cast_unsigned() ^ length.wrapping_mul(MURMUR_M);
    hash = (hash ^ block).wrapping_mul(MURMUR_M);
    hash ^= hash >> MURMUR_R;
    hash = hash.wrapping_mul(MURMUR_M);
    hash ^= hash >> MURMUR_R;
    hash.cast_signed()
}
