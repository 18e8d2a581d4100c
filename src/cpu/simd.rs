//! Vector instructions: which ones this CPU has, and kernels that are compiled for each.
//!
//! The kernels are plain loops over [`Row`]s, arrays as long as the widest registers. The compiler makes vector
//! instructions of them, the same loops for every kind of CPU.

use bytemuck::{Pod, Zeroable};

/// Values in a [`Row`]: hidden units that are computed side by side.
pub const LANES: usize = 16;

/// As many values as the widest registers hold, in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Row(pub [f32; LANES]);

impl Row {
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// Rows that hold so many values.
pub fn rows(values: usize) -> usize {
    values.div_ceil(LANES)
}

/// All values of some rows. Where every lane is treated alike, a loop over these is what the compiler makes the best
/// instructions of: of a loop over rows it takes each lane of many rows together, from everywhere.
pub fn flat(rows: &[Row]) -> &[f32] {
    bytemuck::cast_slice(rows)
}

/// [`flat`], to be changed.
pub fn flat_mut(rows: &mut [Row]) -> &mut [f32] {
    bytemuck::cast_slice_mut(rows)
}

/// What a CPU computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// Fused multiply-adds, 16 at a time. A CPU that has them has the others too.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Fused multiply-adds, 8 at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every CPU that the program is compiled for has.
    Baseline,
}

impl Instructions {
    /// Whether the multiply-adds that need no detection are fused: where they are not, a fused one is a call.
    pub const BASELINE_FUSED: bool = cfg!(target_arch = "aarch64");

    /// Those that this CPU has, the widest first.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let has_avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("popcnt");
        let all = [
            #[cfg(target_arch = "x86_64")]
            (has_avx2 && is_x86_feature_detected!("avx512f")).then_some(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            has_avx2.then_some(Self::Avx2),
            Some(Self::Baseline),
        ];
        all.into_iter().flatten().collect()
    }

    /// The widest that this CPU has.
    pub fn widest() -> Self {
        Self::all()[0]
    }

    /// Those for code in whose place the compiler makes gathers and scatters of AVX-512, which are slow.
    pub fn without_gathers(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Self::Avx2,
            other => other,
        }
    }

    /// Whether their multiply-adds are fused. All that are give the same bits.
    #[cfg(test)]
    pub fn is_fused(self) -> bool {
        self != Self::Baseline || Self::BASELINE_FUSED
    }

    /// Their names.
    pub fn as_str(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2 and FMA",
            Self::Baseline if cfg!(target_arch = "x86_64") => "SSE2",
            Self::Baseline if cfg!(target_arch = "aarch64") => "NEON",
            Self::Baseline if cfg!(target_feature = "relaxed-simd") => "relaxed SIMD",
            Self::Baseline if cfg!(target_feature = "simd128") => "SIMD128",
            Self::Baseline => "baseline",
        }
    }
}

/// `a * b + c`, rounded once if `FUSED`.
#[inline(always)]
pub fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `sum + x * row`, each lane for itself.
#[inline(always)]
pub fn add_scaled<const FUSED: bool>(sum: &mut Row, x: f32, row: &Row) {
    add_lanes::<FUSED>(&mut sum.0, x, &row.0);
}

/// As [`add_scaled`], for some lanes, a multiple of 4.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
pub fn add_lanes<const FUSED: bool>(sum: &mut [f32], x: f32, row: &[f32]) {
    for (sum, row) in sum.iter_mut().zip(row) {
        *sum = multiply_add::<FUSED>(x, *row, *sum);
    }
}

/// As [`add_scaled`], for some lanes, a multiple of 4. WebAssembly's relaxed multiply-add is fused where the CPU's is, and the same
/// throughout a run; of a plain loop the compiler makes none. All else is not fused there.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
pub fn add_lanes<const FUSED: bool>(sum: &mut [f32], x: f32, row: &[f32]) {
    use std::arch::wasm32::{f32x4, f32x4_extract_lane as lane, f32x4_relaxed_madd, f32x4_splat};

    for (sum, row) in sum.as_chunks_mut::<4>().0.iter_mut().zip(row.as_chunks::<4>().0) {
        let four = |[a, b, c, d]: [f32; 4]| f32x4(a, b, c, d);
        let added = f32x4_relaxed_madd(f32x4_splat(x), four(*row), four(*sum));
        *sum = [lane::<0>(added), lane::<1>(added), lane::<2>(added), lane::<3>(added)];
    }
}

/// Puts those of 16 values that are not 0 in front, in their order; what `into` has behind them means nothing. Returns a bit for each
/// of the 16, the first in the lowest: whether it is not 0.
#[inline(always)]
pub fn compress(kind: Instructions, values: &[u32; LANES], into: &mut [u32; LANES]) -> u16 {
    match kind {
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: this variant comes from `Instructions::all`, which has asked the CPU for this feature.
        Instructions::Avx512 => unsafe { compress_avx512(values, into) },
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: this variant comes from `Instructions::all`, which has asked the CPU for these features.
        Instructions::Avx2 => unsafe { compress_avx2(values, into) },
        Instructions::Baseline => {
            let (mut are, mut count) = (0, 0);
            for (lane, value) in values.iter().enumerate() {
                // Each is written, and the next one over it if it is 0: a branch would be guessed wrongly too often.
                into[count % LANES] = *value;
                count += usize::from(*value != 0);
                are |= u16::from(*value != 0) << lane;
            }
            are
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
#[allow(unsafe_code)]
fn compress_avx512(values: &[u32; LANES], into: &mut [u32; LANES]) -> u16 {
    use std::arch::x86_64::{
        _mm512_loadu_epi32, _mm512_maskz_compress_epi32, _mm512_storeu_epi32, _mm512_test_epi32_mask,
    };

    // SAFETY: the pointer is that of 16 values.
    let values = unsafe { _mm512_loadu_epi32(values.as_ptr().cast()) };
    let are = _mm512_test_epi32_mask(values, values);
    // In a register first: straight to memory it takes some CPUs a hundred cycles.
    let compressed = _mm512_maskz_compress_epi32(are, values);
    // SAFETY: as above.
    unsafe { _mm512_storeu_epi32(into.as_mut_ptr().cast(), compressed) };
    are
}

/// For each 8 bits, which lanes they are of, those that are set first. The others follow as lane 0.
#[cfg(target_arch = "x86_64")]
static LANES_OF: [[u8; 8]; 256] = {
    let mut lanes_of = [[0; 8]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut lane, mut count) = (0, 0);
        while lane < 8 {
            if bits >> lane & 1 == 1 {
                lanes_of[bits][count] = lane as u8;
                count += 1;
            }
            lane += 1;
        }
        bits += 1;
    }
    lanes_of
};

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
#[inline]
fn compress_avx2(values: &[u32; LANES], into: &mut [u32; LANES]) -> u16 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi64_si128, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_cvtepu8_epi32, _mm256_movemask_ps,
        _mm256_permutevar8x32_epi32, _mm256_setzero_si256,
    };

    let (mut all, mut count) = (0, 0);
    for (half, first) in values.as_chunks::<8>().0.iter().zip([0, 8]) {
        let half: __m256i = bytemuck::cast(*half);
        let zeros = _mm256_cmpeq_epi32(half, _mm256_setzero_si256());
        let are = !_mm256_movemask_ps(_mm256_castsi256_ps(zeros)) as u8;
        let lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(LANES_OF[usize::from(are)])));
        let compressed: [u32; 8] = bytemuck::cast(_mm256_permutevar8x32_epi32(half, lanes));
        *into[count..].first_chunk_mut().expect("the first half has 8 at most") = compressed;
        count += are.count_ones() as usize;
        all |= u16::from(are) << first;
    }
    all
}

/// Compiles a function once for each kind of [`Instructions`], and puts one in front that takes the kind as its first
/// argument. In its body `FUSED` says whether multiply-adds are fused. No closure goes into a function of `core::array`
/// there: what is not inlined is compiled for the baseline.
macro_rules! kernel {
    ($(#[$attribute:meta])* $visible:vis fn $name:ident $(<$(const $size:ident: usize),+>)?
     ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments, reason = "the kind of instructions comes on top")]
        $visible fn $name $(<$(const $size: usize),+>)?
        (instructions: $crate::cpu::simd::Instructions, $($argument: $type),*) $(-> $result)? {
            use $crate::cpu::simd::Instructions;

            #[inline(always)]
            fn body<const FUSED: bool $($(, const $size: usize)+)?>($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,bmi1,popcnt")]
            fn avx512 $(<$(const $size: usize),+>)? ($($argument: $type),*) $(-> $result)? {
                body::<true $($(, $size)+)?>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,popcnt")]
            fn avx2 $(<$(const $size: usize),+>)? ($($argument: $type),*) $(-> $result)? {
                body::<true $($(, $size)+)?>($($argument),*)
            }
            // Within its caller the compiler would keep a kernel's sums in memory.
            #[inline(never)]
            fn baseline $(<$(const $size: usize),+>)? ($($argument: $type),*) $(-> $result)? {
                body::<{ Instructions::BASELINE_FUSED } $($(, $size)+)?>($($argument),*)
            }
            match instructions {
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                // SAFETY: this variant comes from `Instructions::all`, which has asked the CPU for these features.
                Instructions::Avx512 => unsafe { avx512 $(::<$($size),+>)? ($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                // SAFETY: this variant comes from `Instructions::all`, which has asked the CPU for these features; those of
                // `Avx512` include them.
                Instructions::Avx2 => unsafe { avx2 $(::<$($size),+>)? ($($argument),*) },
                Instructions::Baseline => baseline $(::<$($size),+>)? ($($argument),*),
            }
        }
    };
}
pub(super) use kernel;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_0_comes_first() {
        // Every choice of lanes, so also every one of each half. A lane that is not 0 may have any bit, or all.
        let lowest = |lane: usize| 1 << (2 * lane);
        let highest = |lane: usize| 1 << (31 - lane);
        for (choice, value) in (0..=u16::MAX).zip([lowest, highest, |_| u32::MAX].into_iter().cycle()) {
            let values = std::array::from_fn(|lane| if choice >> lane & 1 == 1 { value(lane) } else { 0 });
            let expected: Vec<u32> = values.iter().copied().filter(|value| *value != 0).collect();
            for kind in Instructions::all() {
                let mut into = [7; LANES];
                let are = compress(kind, &values, &mut into);
                assert_eq!(into[..expected.len()], expected, "{kind:?}: {choice:b}");
                assert_eq!(are, choice, "{kind:?}");
            }
        }
    }
}
