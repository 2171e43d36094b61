//! What the feature `cuda` needs beside Rust: PTX of our kernels, and functions that find the libraries of CUDA late.
//!
//! * Every `src/cuda/*.cu` is compiled to `OUT_DIR/*.ptx`, which the GPU's driver translates for the GPU that is there.
//! * cudarc calls the libraries of CUDA as if they were linked. A library that loads everywhere cannot be linked with
//!   them: each of those functions is defined here, in assembly, and jumps to the real one, which `src/cuda/libraries.rs`
//!   looks for at the first call. Empty archives stand for the libraries that cudarc asks the linker for.
//! * candle's kernels for quantised and mixture-of-experts products, which Eidos calls nowhere, are left out: functions that
//!   do nothing have their names, so that neither they nor the CUDA runtime that they need are linked.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest GPUs: Ampere (A100, RTX 30).
const ARCHITECTURE: &str = "compute_80";
/// What the linker is asked for by cudarc and candle-kernels.
const LIBRARIES: [&str; 6] = ["cuda", "cublas", "cublasLt", "curand", "nvrtc", "cudart"];

pub fn prepare() -> Result<(), String> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?);
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let processor = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if system != "linux" {
        return Err(format!("the feature `cuda` is for Linux, and this build is for {system}: leave the feature out"));
    }
    for name in ["NVCC", "CUDA_HOME", "CUDA_PATH", "EIDOS_NVCC", "EIDOS_CUDA_CHECK"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // A check of types leaves candle's kernels out, and names other GPUs than a build, so that candle-kernels does not
    // take what the one left behind for what the other needs.
    if env::var_os("EIDOS_CUDA_CHECK").is_some() && env::var_os("CUDA_COMPUTE_CAP").is_some_and(|value| value == "80") {
        return Err("set CUDA_COMPUTE_CAP=86 where EIDOS_CUDA_CHECK is set, as `make cuda-check` does".to_owned());
    }
    let functions = fs::read_to_string("build/cuda-functions.txt").map_err(|error| error.to_string())?;
    let functions = functions.lines().map(Function::parse).collect::<Result<Vec<_>, _>>()?;
    let (unused, functions): (Vec<_>, Vec<_>) =
        functions.into_iter().partition(|function| function.library == "candle");
    write(&folder.join("functions.rs"), &table(&functions))?;
    write(&folder.join("functions.s"), &assembly(&functions, &unused, &processor)?)?;
    for library in LIBRARIES {
        write(&folder.join(format!("lib{library}.a")), "!<arch>\n")?;
    }
    println!("cargo::rustc-link-search=native={}", folder.display());
    // A function that is missing from the list stops the build and not the first call.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    kernels(&folder)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A function of a library of CUDA.
struct Function<'a> {
    library: &'a str,
    name: &'a str,
    /// What it gives back: a status, or what the list says.
    gives: &'a str,
}

impl<'a> Function<'a> {
    fn parse(line: &'a str) -> Result<Self, String> {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(library), Some(name), gives) => Ok(Self { library, name, gives: gives.unwrap_or("status") }),
            _ => Err(format!("build/cuda-functions.txt has no function in the line `{line}`")),
        }
    }
}

/// The functions in the order of their numbers, as Rust.
fn table(functions: &[Function<'_>]) -> String {
    let mut text = format!("static FUNCTIONS: [Function; {}] = [\n", functions.len());
    for function in functions {
        let library = match function.library {
            "cuda" => "Driver",
            "cublas" => "Cublas",
            "cublasLt" => "CublasLt",
            "curand" => "Curand",
            _ => "Nvrtc",
        };
        let gives = match function.gives {
            "text" => "Text",
            "number" => "Number",
            "nothing" => "Nothing",
            _ => "Status",
        };
        let name = function.name;
        let _ =
            writeln!(text, "    Function {{ library: Library::{library}, name: c\"{name}\", gives: Gives::{gives} }},");
    }
    text + "];\n"
}

/// The functions, each of which jumps to where `{entries}` says, once `{find}` has found it.
fn assembly(functions: &[Function<'_>], unused: &[Function<'_>], processor: &str) -> Result<String, String> {
    let (begin, function, nothing): (String, fn(usize) -> String, &str) = match processor {
        "x86_64" => (x86_64_find(), x86_64, "    xorl %eax, %eax\n    ret\n"),
        "aarch64" => (aarch64_find(), aarch64, "    mov w0, #0\n    ret\n"),
        _ => return Err(format!("the feature `cuda` is for x86-64 and ARM, and this build is for {processor}")),
    };
    let mut text = format!("    .text\n{begin}");
    for (number, Function { name, .. }) in functions.iter().enumerate() {
        let code = function(number);
        let _ = write!(
            text,
            "    .globl {name}\n    .hidden {name}\n    .type {name},@function\n    .p2align 4\n\
             {name}:\n{code}    .size {name},.-{name}\n"
        );
    }
    for Function { name, .. } in unused {
        let _ = write!(text, "    .weak {name}\n    .hidden {name}\n    .type {name},@function\n{name}:\n");
    }
    Ok(text + nothing)
}

fn x86_64(number: usize) -> String {
    format!(
        "    movq {{entries}}+{}(%rip), %r11\n    testq %r11, %r11\n    je 1f\n    jmp *%r11\n\
         1:  movl ${number}, %r11d\n    jmp eidos_cuda_find\n",
        number * 8
    )
}

/// Keeps everything that a caller may have put into registers for the function: six whole numbers, eight floating-point
/// ones, how many of these there are (`al`), and the static chain. What is on the stack stays there.
fn x86_64_find() -> String {
    let floats = (0..8).map(|number| ("movups", format!("%xmm{number}"), 16 * number));
    let whole = ["%rax", "%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9", "%r10"].into_iter().enumerate();
    let whole = whole.map(|(number, register)| ("movq", register.to_owned(), 128 + 8 * number));
    let kept: Vec<_> = floats.chain(whole).collect();
    let keep = kept.iter().map(|(copy, register, place)| format!("    {copy} {register}, {place}(%rsp)\n"));
    let restore = kept.iter().map(|(copy, register, place)| format!("    {copy} {place}(%rsp), {register}\n"));
    find(
        "    pushq %rbp\n    .cfi_def_cfa_offset 16\n    .cfi_offset %rbp, -16\n    movq %rsp, %rbp\n    \
         .cfi_def_cfa_register %rbp\n    subq $192, %rsp\n    andq $-16, %rsp\n",
        &keep.collect::<String>(),
        "    movl %r11d, %edi\n    call {find}\n    movq %rax, %r11\n",
        &restore.collect::<String>(),
        "    movq %rbp, %rsp\n    popq %rbp\n    .cfi_def_cfa %rsp, 8\n    jmp *%r11\n",
    )
}

fn aarch64(number: usize) -> String {
    let place = number * 8;
    format!(
        "    adrp x16, {{entries}}+{place}\n    add x16, x16, :lo12:{{entries}}+{place}\n    ldar x16, [x16]\n    cbz x16, 1f\n\
         \x20   br x16\n1:  mov w17, #{number}\n    b eidos_cuda_find\n"
    )
}

/// Keeps eight whole numbers, the place of a result, and eight floating-point numbers.
fn aarch64_find() -> String {
    let floats = (0..4).map(|pair| ("p", format!("q{}, q{}", 2 * pair, 2 * pair + 1), 32 * pair));
    let whole = (0..4).map(|pair| ("p", format!("x{}, x{}", 2 * pair, 2 * pair + 1), 128 + 16 * pair));
    let kept: Vec<_> = floats.chain(whole).chain([("r", "x8".to_owned(), 192)]).collect();
    let keep = kept.iter().map(|(kind, registers, place)| format!("    st{kind} {registers}, [sp, #{place}]\n"));
    let restore = kept.iter().map(|(kind, registers, place)| format!("    ld{kind} {registers}, [sp, #{place}]\n"));
    find(
        "    stp x29, x30, [sp, #-16]!\n    .cfi_def_cfa_offset 16\n    .cfi_offset w29, -16\n    .cfi_offset w30, -8\n    \
         mov x29, sp\n    .cfi_def_cfa w29, 16\n    sub sp, sp, #208\n",
        &keep.collect::<String>(),
        "    mov w0, w17\n    bl {find}\n    mov x16, x0\n",
        &restore.collect::<String>(),
        "    mov sp, x29\n    ldp x29, x30, [sp], #16\n    .cfi_def_cfa sp, 0\n    .cfi_restore w29\n    \
         .cfi_restore w30\n    br x16\n",
    )
}

/// The function that asks `{find}` where another one is, and jumps there with all registers as they were.
fn find(enter: &str, keep: &str, ask: &str, restore: &str, jump: &str) -> String {
    format!(
        "    .globl eidos_cuda_find\n    .hidden eidos_cuda_find\n    .type eidos_cuda_find,@function\n    .p2align 4\n\
         eidos_cuda_find:\n    .cfi_startproc\n{enter}{keep}{ask}{restore}{jump}    .cfi_endproc\n    \
         .size eidos_cuda_find,.-eidos_cuda_find\n"
    )
}

/// Compiles our kernels, and says which CUDA they were compiled with.
fn kernels(folder: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed=src/cuda");
    let mut sources = Vec::new();
    for entry in fs::read_dir("src/cuda").map_err(|error| format!("cannot list src/cuda: {error}"))? {
        sources.push(entry.map_err(|error| error.to_string())?.path());
    }
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    sources.sort();
    let compiler = compiler();
    let version = run(&compiler, &["--version".as_ref()])?;
    let release = version.split("release ").nth(1).and_then(|rest| rest.split(',').next());
    let release = release.ok_or_else(|| format!("{} says no release of CUDA: {version}", compiler.display()))?;
    println!("cargo::rustc-env=EIDOS_CUDA_RELEASE={release}");
    for source in sources {
        let name = source.file_stem().unwrap_or_default();
        let ptx = folder.join(name).with_extension("ptx");
        let architecture = format!("-arch={ARCHITECTURE}");
        let options = ["--ptx", "-O3", "-std=c++17", &architecture, "-o"].map(OsStr::new);
        let arguments: Vec<_> = options.into_iter().chain([ptx.as_os_str(), source.as_os_str()]).collect();
        run(&compiler, &arguments)?;
    }
    Ok(())
}

/// The compiler of kernels, where candle-kernels looks for it as well.
fn compiler() -> PathBuf {
    if let Some(path) = env::var_os("NVCC").map(PathBuf::from).filter(|path| path.exists()) {
        return path;
    }
    let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os);
    let found = homes.map(|home| PathBuf::from(home).join("bin/nvcc")).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from("nvcc"))
}

fn run(compiler: &Path, arguments: &[&OsStr]) -> Result<String, String> {
    let remedy = "`make cuda` fetches it; or name the compiler of CUDA 13 or 12 in EIDOS_NVCC";
    let command = || {
        let words = [compiler.as_os_str()].into_iter().chain(arguments.iter().copied());
        words.collect::<Vec<_>>().join(OsStr::new(" ")).display().to_string()
    };
    let output = Command::new(compiler).args(arguments).output();
    let output = output.map_err(|error| format!("cannot run {}: {error}; {remedy}", compiler.display()))?;
    let text = |bytes: &[u8]| OsString::from(String::from_utf8_lossy(bytes).into_owned()).display().to_string();
    if !output.status.success() {
        let said = text(&output.stderr) + &text(&output.stdout);
        return Err(format!("`{}` failed: {said}", command()));
    }
    Ok(text(&output.stdout))
}
