// Stands for the driver's header, of which kernels need CUDA_VERSION only.
#pragma once
#include "cuda_runtime.h"
