//! Candle's CUDA backend on the emulated device against candle's CPU: the same operations on the same numbers.
//! Each case is a process of its own, because the device reads its settings once.
use std::process::{Command, ExitCode};
use std::sync::Arc;

use candle_core::{D, DType, Device, IndexOp, Result, Tensor};

fn gpu(index: usize) -> Result<Device> {
    Device::new_cuda_with_stream(index)
}

/// Numbers that are the same each time, of both signs.
fn numbers(shape: &[usize], seed: u64) -> Result<Tensor> {
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<f32> =
        (0..count).map(|i| ((i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / 8_388_608.0 - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Fails where the device's result is further from the CPU's than `tolerance`.
fn compare(name: &str, on_gpu: &Tensor, on_cpu: &Tensor, tolerance: f64) -> Result<()> {
    let got = on_gpu.to_device(&Device::Cpu)?;
    if got.shape() != on_cpu.shape() || got.dtype() != on_cpu.dtype() {
        candle_core::bail!(
            "{name}: {:?} {:?}, not {:?} {:?}",
            got.shape(),
            got.dtype(),
            on_cpu.shape(),
            on_cpu.dtype()
        );
    }
    let (got, expected) = (got.to_dtype(DType::F64)?.flatten_all()?, on_cpu.to_dtype(DType::F64)?.flatten_all()?);
    let (got, expected) = (got.to_vec1::<f64>()?, expected.to_vec1::<f64>()?);
    for (i, (a, b)) in got.iter().zip(&expected).enumerate() {
        // A NaN is no number that is near.
        if !((a - b).abs() <= tolerance * b.abs().max(1.0)) {
            candle_core::bail!("{name}: element {i} is {a}, not {b}");
        }
    }
    Ok(())
}

/// Runs the same on both devices.
fn both(name: &str, inputs: &[&Tensor], tolerance: f64, run: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<()> {
    let device = gpu(0)?;
    let there = inputs.iter().map(|input| input.to_device(&device)).collect::<Result<Vec<_>>>()?;
    let here: Vec<Tensor> = inputs.iter().map(|&input| input.clone()).collect();
    compare(name, &run(&there)?, &run(&here)?, tolerance)
}

fn operations() -> Result<()> {
    let x = numbers(&[7, 96], 1)?;
    let y = numbers(&[7, 96], 2)?;
    let positive = (x.abs()? + 0.1)?;
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let tolerance = match dtype {
            DType::F32 => 2e-6,
            DType::F64 => 1e-12,
            DType::F16 => 4e-3,
            _ => 3e-2,
        };
        let (x, y, p) = (&x.to_dtype(dtype)?, &y.to_dtype(dtype)?, &positive.to_dtype(dtype)?);
        let name = |what: &str| format!("{what} in {dtype:?}");
        both(&name("add"), &[x, y], tolerance, |t| &t[0] + &t[1])?;
        both(&name("multiply"), &[x, y], tolerance, |t| &t[0] * &t[1])?;
        both(&name("divide"), &[x, p], tolerance, |t| &t[0] / &t[1])?;
        both(&name("broadcast"), &[x, y], tolerance, |t| t[0].broadcast_sub(&t[1].i(0..1)?))?;
        both(&name("transposed"), &[x, y], tolerance, |t| (t[0].t()? + t[1].t()?)?.contiguous())?;
        both(&name("affine"), &[x], tolerance, |t| t[0].affine(1.5, -0.25))?;
        both(&name("exp"), &[x], tolerance, Tensor::exp_of)?;
        both(&name("log"), &[p], tolerance, |t| t[0].log())?;
        both(&name("sqrt"), &[p], tolerance, |t| t[0].sqrt())?;
        both(&name("tanh"), &[x], tolerance, |t| t[0].tanh())?;
        both(&name("gelu"), &[x], tolerance, |t| t[0].gelu_erf())?;
        both(&name("silu"), &[x], tolerance, |t| t[0].silu())?;
        both(&name("relu"), &[x], tolerance, |t| t[0].relu())?;
        both(&name("sum of rows"), &[x], tolerance * 30.0, |t| t[0].sum(D::Minus1))?;
        both(&name("sum of columns"), &[x], tolerance * 8.0, |t| t[0].sum(0))?;
        both(&name("maximum"), &[x], 0.0, |t| t[0].max(D::Minus1))?;
        both(&name("minimum"), &[x], 0.0, |t| t[0].min(0))?;
        both(&name("softmax"), &[x], tolerance, |t| candle_nn::ops::softmax_last_dim(&t[0]))?;
        // Candle's CPU has no norms of f64.
        if dtype != DType::F64 {
            both(&name("layer norm"), &[x, y, p], tolerance * 4.0, |t| {
                candle_nn::ops::layer_norm(&t[0], &t[1].i(0)?.contiguous()?, &t[2].i(0)?.contiguous()?, 1e-5)
            })?;
            both(&name("rms norm"), &[x, y], tolerance * 4.0, |t| {
                candle_nn::ops::rms_norm(&t[0], &t[1].i(0)?.contiguous()?, 1e-5)
            })?;
        }
        both(&name("matmul"), &[x, y], tolerance * 20.0, |t| t[0].matmul(&t[1].t()?))?;
        both(&name("where"), &[x, y], 0.0, |t| t[0].gt(&t[1])?.where_cond(&t[0], &t[1]))?;
        both(&name("concatenated"), &[x, y], 0.0, |t| Tensor::cat(&[&t[0], &t[1].i(1..3)?], 0))?;
        both(&name("concatenated columns"), &[x, y], 0.0, |t| Tensor::cat(&[&t[0], &t[1].narrow(1, 5, 9)?], 1))?;
        let ids = &Tensor::new(&[6u32, 0, 3, 3], &Device::Cpu)?;
        both(&name("rows by index"), &[x, ids], 0.0, |t| t[0].index_select(&t[1], 0))?;
        both(&name("columns by index"), &[x, ids], 0.0, |t| t[0].index_select(&t[1], 1))?;
        let each = &Tensor::new(&[[1u32, 0], [5, 95], [7, 7], [2, 0], [0, 1], [9, 3], [4, 4]], &Device::Cpu)?;
        both(&name("gathered"), &[x, each], 0.0, |t| t[0].gather(&t[1], 1))?;
        both(&name("added by index"), &[x, y, ids], tolerance, |t| {
            t[0].index_add(&t[2], &t[1].i(0..4)?.contiguous()?, 0)
        })?;
        for other in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            both(&name(&format!("cast to {other:?}")), &[x], 0.0, |t| t[0].to_dtype(other))?;
        }
        if matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
            both(&name("sorted"), &[x], 0.0, |t| Ok(t[0].sort_last_dim(true)?.0))?;
        }
        both(&name("argmax"), &[x], 0.0, |t| t[0].argmax(D::Minus1))?;
        both(&name("rotary"), &[&x.reshape((1, 2, 7, 48))?, y], tolerance * 4.0, |t| {
            let angles = t[1].flatten_all()?.narrow(0, 0, 7 * 24)?.reshape((7, 24))?;
            candle_nn::rotary_emb::rope(&t[0], &angles, &angles)
        })?;
    }
    let ones = Tensor::ones((3, 5), DType::U8, &gpu(0)?)?;
    compare("ones", &ones, &Tensor::ones((3, 5), DType::U8, &Device::Cpu)?, 0.0)?;
    let batches = &numbers(&[3, 4, 6, 16], 3)?;
    both("batched matmul", &[batches], 1e-5, |t| t[0].matmul(&t[0].transpose(2, 3)?))?;
    both("mean", &[batches], 1e-5, |t| t[0].mean_keepdim((1, 3)))
}

/// `Tensor::exp` as a function of the inputs.
trait Exponential {
    fn exp_of(inputs: &[Tensor]) -> Result<Tensor>;
}
impl Exponential for Tensor {
    fn exp_of(inputs: &[Tensor]) -> Result<Tensor> {
        inputs[0].exp()
    }
}

/// The device has 4 MiB: what is too large is an error, after which the device goes on.
fn out_of_memory() -> Result<()> {
    let device = gpu(0)?;
    let kept = numbers(&[1024], 1)?.to_device(&device)?;
    match Tensor::zeros(2 << 20, DType::F32, &device) {
        Err(error) if error.to_string().contains("OUT_OF_MEMORY") => {}
        other => candle_core::bail!("8 MiB of 4: {other:?}"),
    }
    for _ in 0..100 {
        Tensor::zeros(1 << 19, DType::F32, &device)?;
    }
    compare("after the failure", &(&kept + &kept)?, &(numbers(&[1024], 1)? * 2.0)?, 1e-6)
}

fn two_devices() -> Result<()> {
    let (one, two) = (gpu(0)?, gpu(1)?);
    let x = numbers(&[64, 64], 1)?;
    let on_one = x.to_device(&one)?;
    let on_two = on_one.to_device(&two)?;
    compare("on the first", &on_one.matmul(&on_one)?, &x.matmul(&x)?, 1e-5)?;
    compare("on the second", &on_two.matmul(&on_two)?, &x.matmul(&x)?, 1e-5)?;
    if on_one.add(&on_two).is_ok() {
        candle_core::bail!("tensors of two devices were added");
    }
    if gpu(2).is_ok() {
        candle_core::bail!("there is a third device");
    }
    Ok(())
}

fn two_threads() -> Result<()> {
    let device = gpu(0)?;
    let x = Arc::new(numbers(&[33, 47], 1)?);
    let expected = x.matmul(&x.t()?)?;
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (device, x, expected) = (device.clone(), Arc::clone(&x), expected.clone());
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let there = x.to_device(&device)?;
                    compare("in a thread", &there.matmul(&there.t()?)?, &expected, 1e-5)?;
                }
                Ok(())
            })
        })
        .collect();
    threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| candle_core::bail!("a thread panicked")))
}

fn no_device() -> Result<()> {
    match gpu(0) {
        Err(_) => Ok(()),
        Ok(_) => candle_core::bail!("a device where there is none"),
    }
}

/// An index beyond the rows is a failed assertion on the device, not a wrong row.
fn wrong_index() -> Result<()> {
    let device = gpu(0)?;
    let ids = Tensor::new(&[7u32], &device)?;
    let rows = numbers(&[4, 8], 1)?.to_device(&device)?;
    match rows.index_select(&ids, 0).and_then(|rows| rows.to_vec2::<f32>()) {
        Err(error) if error.to_string().contains("ASSERT") => Ok(()),
        other => candle_core::bail!("row 7 of 4: {other:?}"),
    }
}

type Case = (&'static str, fn() -> Result<()>, &'static [(&'static str, &'static str)]);
const CASES: &[Case] = &[
    ("operations", operations, &[]),
    ("operations, shuffled", operations, &[("EIDOS_EMULATED_GPU_SEED", "7")]),
    ("operations, at once", operations, &[("EIDOS_EMULATED_GPU_EAGER", "1")]),
    ("out of memory", out_of_memory, &[("EIDOS_EMULATED_GPU_BYTES", "4194304")]),
    ("two devices", two_devices, &[("EIDOS_EMULATED_GPUS", "2")]),
    ("two threads", two_threads, &[]),
    ("no device", no_device, &[("EIDOS_EMULATED_GPUS", "0")]),
    ("wrong index", wrong_index, &[("EIDOS_EMULATED_GPU_QUIET", "1")]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(name) = arguments.get(1) {
        let Some((_, run, _)) = CASES.iter().find(|case| case.0 == name) else {
            eprintln!("no case {name}");
            return ExitCode::FAILURE;
        };
        return match run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let failed = CASES
        .iter()
        .filter(|(name, _, environment)| {
            let child = Command::new(&arguments[0])
                .arg(name)
                .env("RUST_BACKTRACE", "0")
                .envs(environment.iter().copied())
                .status();
            !child.is_ok_and(|status| status.success())
        })
        .inspect(|(name, ..)| println!("FAILED {name}"))
        .count();
    println!("candle on the emulated device: {} cases, {failed} failed", CASES.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
