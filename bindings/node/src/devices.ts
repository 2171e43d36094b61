/** What the library can do, and the GPUs that it could use. */
import { check } from './errors';
import { handleIn, native, out, readText } from './native';

/** A GPU, as its driver describes it. */
export interface DeviceInfo {
  /** The number for `deviceIndex`. */
  readonly index: number;
  /** The name that its makers gave it (`NVIDIA H100 80GB HBM3`). */
  readonly name: string;
  /** Its memory in bytes. */
  readonly totalMemory: number;
  /** The bytes of it that nobody used when the devices were listed; 0 where the driver does not say. */
  readonly freeMemory: number;
  /** Major and minor number of its compute capability (`9.0`). Eidos needs 8.0. */
  readonly computeCapability: string;
  /** Why Eidos cannot use it; `null` where it can. */
  readonly problem: string | null;
}

/** A library that a GPU needs. */
export interface DeviceLibrary {
  /** The name that its makers gave it (`cuBLAS`). */
  readonly name: string;
  /** Its version (`13.0`; of the driver, the newest CUDA that it serves); `null` where the library is missing. */
  readonly version: string | null;
}

/** The GPUs of a machine, and what is there and what is missing to use one. */
export interface Devices {
  /** The GPUs, in the order of their indices. */
  readonly gpus: readonly DeviceInfo[];
  /** The libraries that a GPU needs; none where the library was built without CUDA. */
  readonly libraries: readonly DeviceLibrary[];
  /** Why Eidos can use no GPU, and what to do; `null` where it can use one. */
  readonly reason: string | null;
}

/** Names the features that the library was built with: `hub`, `chat`, `demo-model`, `cuda`. */
export function features(): string[] {
  return native().eidos_features().split(' ').filter(Boolean);
}

/** Lists the GPUs of this machine. Where there is none, the list is empty, and `reason` says why: that is no error. */
export function listDevices(): Devices {
  const library = native();
  const result = out();
  check((error) => library.eidos_devices_list(result, error));
  const devices = handleIn(result);
  const all = <T>(count: number, describe: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => describe(index));
  try {
    return {
      gpus: all(library.eidos_devices_count(devices), (index) => {
        const capability = library.eidos_devices_compute_capability(devices, index);
        return {
          index,
          name: readText((length) => library.eidos_devices_name(devices, index, length)) ?? '',
          totalMemory: Number(library.eidos_devices_total_memory(devices, index)),
          freeMemory: Number(library.eidos_devices_free_memory(devices, index)),
          computeCapability: `${Math.floor(capability / 10)}.${capability % 10}`,
          problem: readText((length) => library.eidos_devices_problem(devices, index, length)),
        };
      }),
      libraries: all(library.eidos_devices_library_count(devices), (index) => ({
        name: readText((length) => library.eidos_devices_library_name(devices, index, length)) ?? '',
        version: readText((length) => library.eidos_devices_library_version(devices, index, length)),
      })),
      reason: readText((length) => library.eidos_devices_reason(devices, length)),
    };
  } finally {
    library.eidos_devices_free(devices);
  }
}
