//! Which instructions multiply: found out at run time, behind one safe boundary.

use std::marker::PhantomData;

use super::rows::Terms;
use super::software;
use super::tile::{LINES, Part, Tile};

/// The instructions of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// Tiles: `TDPBF16PS`.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx,
    /// `VDPBF16PS`, for one term.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// `BFDOT`, for one term.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// The tiles of AMX in software, which AMX and the tests are held against.
    #[cfg_attr(not(test), allow(dead_code, reason = "what a processor without AMX is tested with"))]
    Software,
}

/// A kernel that this processor has: the functions that give one have asked for its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel(Instructions);

impl Kernel {
    /// The kernel for AMX, or why there is none. It asks the system to let this process use tiles, which holds for all its
    /// threads until it ends.
    pub fn amx() -> Result<Self, String> {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        {
            use std::sync::OnceLock;

            static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
            let found = FOUND.get_or_init(|| {
                super::amx::enable()?;
                let (amx, software) = (Self(Instructions::Amx), Self::software());
                if agree(amx, software) {
                    Ok(())
                } else {
                    Err("AMX gives other products here than its manual says".to_owned())
                }
            });
            found.clone().map(|()| Self(Instructions::Amx))
        }
        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        Err("AMX is used on x86-64 and Linux alone".to_owned())
    }

    /// The kernel for vectors whose instructions for bf16 are faster than those for f32, or why there is none. It serves
    /// one term.
    pub fn vector() -> Result<Self, String> {
        #[cfg(target_arch = "x86_64")]
        {
            use std::sync::OnceLock;

            // Measured once, so that every model of a process multiplies alike.
            static FASTER: OnceLock<bool> = OnceLock::new();
            if !super::avx512::is_there() {
                return Err("this processor has no AVX512-BF16".to_owned());
            }
            if !*FASTER.get_or_init(super::avx512::is_faster_than_f32) {
                return Err("AVX512-BF16 is slower than f32 on this processor".to_owned());
            }
            Ok(Self(Instructions::Avx512))
        }
        #[cfg(target_arch = "aarch64")]
        if super::neon::is_there() {
            Ok(Self(Instructions::Neon))
        } else {
            Err("this processor has no BFDOT".to_owned())
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        Err("this processor has no instructions for bf16 that Eidos knows".to_owned())
    }

    /// The tiles of AMX in software: slow, with the bits of AMX.
    #[cfg_attr(not(any(test, all(target_arch = "x86_64", target_os = "linux"))), allow(dead_code))]
    pub fn software() -> Self {
        Self(Instructions::Software)
    }

    /// The kernel for AMX, where its instructions are emulated.
    #[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
    pub(super) fn amx_without_asking() -> Self {
        Self(Instructions::Amx)
    }

    /// What its instructions are called.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Instructions::Amx => "AMX",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "AVX512-BF16",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "BFDOT",
            Instructions::Software => "AMX in software",
        }
    }

    /// How many blocks of 16 outputs it multiplies with at a time.
    pub(super) fn panel_blocks(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => super::avx512::BLOCKS,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => super::neon::BLOCKS,
            _ => 2,
        }
    }

    /// How many bytes of rows it reads again for each panel: a half of an L2 cache, of which processors with AMX have 2 MiB,
    /// and others 1 MiB.
    pub(super) fn cached_bytes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => 512 << 10,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => 256 << 10,
            _ => 1 << 20,
        }
    }

    /// Whether rows are packed with AVX-512, which a processor with either of these kernels has.
    pub(super) fn packs_with_avx512(self) -> bool {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Instructions::Amx => super::avx512::is_there(),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => true,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => false,
            Instructions::Software => false,
        }
    }

    /// Prepares the thread.
    pub(super) fn start(self) -> Session {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.0 == Instructions::Amx {
            // SAFETY: there is no kernel of this kind unless AMX is there and permitted.
            unsafe { super::amx::configure() };
        }
        Session { instructions: self.0, thread: PhantomData }
    }
}

/// A thread that is prepared for a kernel, until this is dropped. It stays on its thread, whose registers hold the
/// configuration of tiles; meanwhile nothing may run there that uses tiles itself.
pub(super) struct Session {
    instructions: Instructions,
    thread: PhantomData<*const ()>,
}

impl Session {
    /// Computes the part of a result that belongs to a panel: the product of the strips of its rows and the panel's blocks.
    /// Where the sizes do not go together nothing is computed.
    pub fn panel(&self, left: &[Tile], right: &[Tile], steps: usize, terms: Terms, part: Part<'_>) {
        let strips = part.rows.div_ceil(LINES);
        let blocks = part.columns.div_ceil(LINES);
        let lefts = strips * steps * terms.count();
        let fits =
            left.len() == lefts && right.len() == blocks * steps && blocks <= Kernel(self.instructions).panel_blocks();
        if !fits || !part.is_whole() || steps == 0 || blocks == 0 {
            debug_assert!(false, "a panel of another size");
            return;
        }
        match self.instructions {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            // SAFETY: AMX is there, this session has configured its tiles, and the sizes were checked.
            Instructions::Amx => unsafe { super::amx::panel(left, right, steps, terms, part) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions; the sizes were checked.
            Instructions::Avx512 if terms == Terms::One => unsafe { super::avx512::panel(left, right, steps, part) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the processor has the instructions; the sizes were checked.
            Instructions::Neon if terms == Terms::One => unsafe { super::neon::panel(left, right, steps, part) },
            _ => software::panel(left, right, steps, terms, part),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.instructions == Instructions::Amx {
            // SAFETY: AMX is there, and nothing is left in the tiles that anybody needs.
            unsafe { super::amx::release() };
        }
    }
}

/// Whether two kernels give the same bits for a small product with edges, in one term and in three.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn agree(one: Kernel, other: Kernel) -> bool {
    use super::{Bf16Matrix, Scratch, multiply};

    let (rows, inputs, outputs) = (37, 75, 53);
    let value = |index: usize| ((index * 2_654_435_761) % 1009) as f32 / 504.5 - 1.0;
    let left: Vec<f32> = (0..rows * inputs).map(value).collect();
    let right = Bf16Matrix::pack(outputs, inputs, |part, panel| {
        panel.iter_mut().zip(part.start * inputs..).for_each(|(place, index)| *place = value(index + 7));
        Ok(())
    });
    let Ok(right) = right else { return false };
    [Terms::One, Terms::Three].into_iter().all(|terms| {
        let mut results = [one, other].map(|kernel| {
            let mut result = vec![0.0; rows * outputs];
            let done = multiply(kernel, terms, &mut result, &left, right.whole(), &mut Scratch::default());
            done.is_ok().then_some(result)
        });
        let bits = |result: Vec<f32>| result.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let [one, other] = results.each_mut().map(|result| result.take().map(bits));
        one.is_some() && one == other
    })
}
