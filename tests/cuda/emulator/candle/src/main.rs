use candle_core::{DType, Device, Result, Tensor};
fn main() -> Result<()> {
    let device = Device::new_cuda_with_stream(0)?;
    let a = Tensor::randn(0f32, 1.0, (5, 64), &Device::Cpu)?;
    let b = Tensor::randn(0f32, 1.0, (64, 32), &Device::Cpu)?;
    let (x, y) = (a.to_device(&device)?, b.to_device(&device)?);
    let d = (x.matmul(&y)?.to_device(&Device::Cpu)? - a.matmul(&b)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
    println!("matmul {d}");
    let s = (candle_nn::ops::softmax_last_dim(&x)?.to_device(&Device::Cpu)? - candle_nn::ops::softmax_last_dim(&a)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
    println!("softmax {s}");
    let s = (x.sum(1)?.to_device(&Device::Cpu)? - a.sum(1)?)?.abs()?.max_all()?.to_scalar::<f32>()?;
    println!("sum {s}");
    let s = x.to_dtype(DType::BF16)?.matmul(&y.to_dtype(DType::BF16)?)?.to_dtype(DType::F32)?;
    println!("bf16 {}", (s.to_device(&Device::Cpu)? - a.matmul(&b)?)?.abs()?.max_all()?.to_scalar::<f32>()?);
    Ok(())
}
