# Finding and loading the shared library.

const LIBRARY_FILE = "libeidos." * Libdl.dlext
const library_path = Ref("")

"""
    Eidos.library()

The path of the shared library that was loaded. It is looked for in this order:

1. the environment variable `EIDOS_LIBRARY`;
2. the preference `library` of `Eidos`, which is two lines of the `LocalPreferences.toml` beside the active `Project.toml`:
   `[Eidos]` and `library = "/path/to/libeidos.so"`;
3. `target/release` of the repository that this package lies in, where `cargo build --release` puts it;
4. where the system looks for libraries.
"""
library() = library_path[]

"""
    Eidos.version()

The version of the shared library that was loaded.
"""
version() = VersionNumber(unsafe_string(LibEidos.eidos_version()))

function __init__()
    library_path[] = find_library()
    handle = try
        Libdl.dlopen(library_path[])
    catch failure
        error("Eidos cannot load the library $(library_path[]): $(reason(failure)). Build it with `cargo build --release` in the " *
              "repository of Eidos, and set the environment variable EIDOS_LIBRARY to the path of $LIBRARY_FILE before " *
              "`using Eidos`.")
    end
    check_abi(Libdl.dlsym(handle, :eidos_abi_version; throw_error = false))
    LibEidos.bind!(name -> Libdl.dlsym(handle, name))
    Base.Experimental.register_error_hint(say_what_is_accepted, MethodError)
end

# What the system says of a library that cannot be loaded, in one line.
reason(failure) = join(filter(!isempty, strip.(split(sprint(showerror, failure), '\n'))), " ")

function check_abi(address)
    version = address === nothing ? 0 : ccall(address, UInt32, ())
    version == LibEidos.ABI_VERSION || error(
        "The library $(library_path[]) has the binary interface $version, but this version of the Julia package needs " *
        "$(LibEidos.ABI_VERSION). Use a library and a package of the same version of Eidos.")
end

function find_library()
    named = get(ENV, "EIDOS_LIBRARY", "")
    isempty(named) || return named
    named = something(library_preference(), "")
    isempty(named) || return named
    built = normpath(joinpath(@__DIR__, "..", "..", "..", "..", "target", "release", LIBRARY_FILE))
    isfile(built) ? built : LIBRARY_FILE
end

@static if isdefined(Base, :get_preferences)
    library_preference() = get(Base.get_preferences(Base.PkgId(Eidos).uuid), "library", nothing)
else
    # Before Julia 1.6 nothing reads preferences: this looks for `library = "..."` in the section `[Eidos]`.
    function library_preference()
        project = Base.active_project()
        file = project === nothing ? "" : joinpath(dirname(project), "LocalPreferences.toml")
        isfile(file) || return nothing
        section = ""
        for line in eachline(file)
            heading = match(r"^\s*\[\s*(\S+?)\s*\]", line)
            heading === nothing || (section = heading[1])
            value = match(r"^\s*library\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)')", line)
            (value === nothing || section != "Eidos") && continue
            return value[1] === nothing ? String(value[2]) : unescape_string(value[1])
        end
        nothing
    end
end
