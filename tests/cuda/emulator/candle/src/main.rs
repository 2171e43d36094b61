fn main(){ println!("{:?}", candle_core::Device::new_cuda(0).map(|_| ())); }
