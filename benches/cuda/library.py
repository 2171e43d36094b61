"""The shared library itself, through its C calls: what it says of the device, and a fresh process's first activation.

    python library.py --library libeidos.so --api eidos.api.json [--model FOLDER --split layers.10.mlp] --device cuda

Prints one JSON object. Needs nothing but Python. Structs are read from the description of the C header, so this follows it.
"""
import argparse
import ctypes
import json
import sys
import time

TYPES = {
    "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "double": ctypes.c_double,
    "float": ctypes.c_float, "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64,
}


class Library:
    """The functions of the library, its options as structs."""

    def __init__(self, path, api):
        with open(api, encoding="utf-8") as file:
            self.api = json.load(file)
        self.functions = ctypes.CDLL(path)
        self.names = {function["name"] for function in self.api["functions"]}
        for name in ("eidos_error_message", "eidos_error_hint", "eidos_version"):
            getattr(self.functions, name).restype = ctypes.c_char_p

    def struct(self, name):
        """A struct of options with its defaults."""
        described = next(struct for struct in self.api["structs"] if struct["name"] == name)

        def kind(field):
            if "*" in field["type"]:
                return ctypes.c_void_p
            return TYPES[field["base"]] if "count" not in field else TYPES[field["base"]] * field["count"]

        class Struct(ctypes.Structure):
            _fields_ = [(field["name"], kind(field)) for field in described["fields"]]

        if ctypes.sizeof(Struct) != described["size"]:
            raise RuntimeError(f"{name} has {ctypes.sizeof(Struct)} bytes here, {described['size']} in the header")
        options = Struct()
        init = getattr(self.functions, f"{name}_init")
        init.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        status = init(ctypes.byref(options), ctypes.sizeof(options))
        if status != 0:
            raise RuntimeError(f"{name}_init gave status {status}")
        return options

    def constant(self, name):
        for enumeration in self.api["enumerations"]:
            for value in enumeration["values"]:
                if value["name"] == name:
                    return value["value"]
        raise KeyError(name)

    def call(self, name, *arguments):
        """Calls a function whose last argument is where its error goes."""
        error = ctypes.c_void_p()
        function = getattr(self.functions, name)
        function.restype = ctypes.c_int32
        if function(*arguments, ctypes.byref(error)) != 0:
            message = self.functions.eidos_error_message(error, None).decode()
            hint = self.functions.eidos_error_hint(error, None).decode()
            raise RuntimeError(f"{name}: {message} ({hint})")


def options_of(library, arguments):
    options = library.struct("eidos_load_options")
    options.device = library.constant(f"EIDOS_DEVICE_{arguments.device.upper()}")
    if arguments.type == "bf16" and arguments.device == "cuda":
        options.precision = library.constant("EIDOS_PRECISION_BF16")
    return options


def first_activation(library, arguments):
    """Seconds of loading and of the first text, the first use of the device among them."""
    start = time.perf_counter()
    options = options_of(library, arguments)
    model = ctypes.c_void_p()
    splits = (ctypes.c_char_p * 1)(arguments.split.encode())
    library.call(
        "eidos_split_model_load", arguments.model.encode(), splits, ctypes.c_size_t(1), ctypes.byref(options), None, ctypes.byref(model)
    )
    loaded = time.perf_counter()
    texts = (ctypes.c_char_p * 1)(b"What is a language model thinking about?")
    inputs, activations = ctypes.c_void_p(), (ctypes.c_void_p * 1)()
    library.call("eidos_inputs_from_texts", model, texts, None, ctypes.c_size_t(1), None, None, ctypes.byref(inputs))
    library.call("eidos_split_model_activations", model, inputs, None, None, None, activations, ctypes.c_size_t(1))
    matrix = ctypes.c_void_p(activations[0])
    library.functions.eidos_activations_row_count.restype = ctypes.c_size_t
    library.functions.eidos_activations_column_count.restype = ctypes.c_size_t
    rows = library.functions.eidos_activations_row_count(matrix)
    columns = library.functions.eidos_activations_column_count(matrix)
    values = (ctypes.c_float * (rows * columns))()
    library.call("eidos_activations_copy_rows", matrix, ctypes.c_size_t(0), ctypes.c_size_t(rows), values, ctypes.c_size_t(rows * columns))
    end = time.perf_counter()
    for name, handle in (("activations", matrix), ("inputs", inputs), ("split_model", model)):
        getattr(library.functions, f"eidos_{name}_free")(handle)
    finite = all(abs(value) < 1e30 for value in values)
    return {"load": loaded - start, "first": end - loaded, "seconds": end - start, "rows": [rows, columns], "finite": finite}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--library", required=True)
    arguments.add_argument("--api", required=True)
    arguments.add_argument("--model")
    arguments.add_argument("--split")
    arguments.add_argument("--type", choices=("bf16", "f32"), default="f32")
    arguments.add_argument("--device", choices=("cpu", "cuda"), required=True)
    arguments = arguments.parse_args()
    start = time.perf_counter()
    library = Library(arguments.library, arguments.api)
    found = {"import": time.perf_counter() - start, "version": library.functions.eidos_version().decode()}
    if "eidos_features" in library.names:
        library.functions.eidos_features.restype = ctypes.c_char_p
        found["features"] = library.functions.eidos_features().decode()
    if arguments.model:
        found.update(first_activation(library, arguments))
        live = library.functions.eidos_debug_live_handles
        live.restype = ctypes.c_size_t
        found["live_handles"] = live()
    print(json.dumps(found))


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(str(error))
