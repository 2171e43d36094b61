# What the library can do, and the GPUs that it could use.

"""
    Eidos.features()

The features that the library was built with, as symbols: `:hub` (models by id), `:chat` (language models over HTTP),
`Symbol("demo-model")` (`eidos:demo`), `:cuda` (NVIDIA GPUs).
"""
features() = Symbol.(split(unsafe_string(LibEidos.eidos_features())))

"""
    Eidos.devices()

The GPUs of this machine, and what is there and what is missing to use one: a named tuple of

* `gpus`: a vector with `index` (what the keyword `device_index` takes), `name`, `total_memory` and `free_memory` in bytes
  (0 where the driver does not say), `compute_capability` (a `VersionNumber`; Eidos needs 8.0), and `problem`, which is why
  Eidos cannot use this GPU, or `nothing`;
* `libraries`: a vector with the `name` and `version` of what a GPU needs, where `nothing` means that it is missing; empty
  where the library was built without CUDA;
* `reason`: why Eidos can use no GPU, and what to do; `nothing` where it can use one.

A machine without a GPU is no error: `gpus` is empty, and `reason` says why.
"""
function devices()
    handle = Handle{LibEidos.eidos_devices}()
    check(err -> LibEidos.eidos_devices_list(handle, err))
    result = use(handle) do pointer
        gpus = map(0:Int(LibEidos.eidos_devices_count(pointer))-1) do index
            capability = Int(LibEidos.eidos_devices_compute_capability(pointer, index))
            (
                index = index,
                name = text(len -> LibEidos.eidos_devices_name(pointer, index, len)),
                total_memory = Int(LibEidos.eidos_devices_total_memory(pointer, index)),
                free_memory = Int(LibEidos.eidos_devices_free_memory(pointer, index)),
                compute_capability = VersionNumber(capability ÷ 10, capability % 10),
                problem = text_or_nothing(len -> LibEidos.eidos_devices_problem(pointer, index, len)),
            )
        end
        libraries = map(0:Int(LibEidos.eidos_devices_library_count(pointer))-1) do index
            (
                name = text(len -> LibEidos.eidos_devices_library_name(pointer, index, len)),
                version = text_or_nothing(len -> LibEidos.eidos_devices_library_version(pointer, index, len)),
            )
        end
        (gpus = gpus, libraries = libraries, reason = text_or_nothing(len -> LibEidos.eidos_devices_reason(pointer, len)))
    end
    close(handle)
    result
end
