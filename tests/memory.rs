//! Memory that is not there is an error: whatever the system grants, the main job ends well or with one, never the process.
//!
//! Without libtest, whose threads begin without an allocator of their own where little memory is left.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[cfg(all(target_os = "linux", feature = "demo-model"))]
fn main() {
    if let Ok(job) = std::env::var(limits::JOB) {
        return limits::child(&job);
    }
    limits::the_main_job_ends_well_or_with_an_error_under_every_limit();
    limits::a_fit_with_many_threads_does_with_four_gigabytes();
    limits::a_file_of_weights_that_is_mostly_a_hole_is_an_error();
    limits::a_model_that_loads_has_no_matrix_in_memory_twice();
    limits::a_stream_of_many_texts_takes_the_memory_of_one_window();
    limits::nothing_of_a_model_stays_on_the_thread_that_used_it();
    limits::a_fit_on_disk_takes_the_memory_of_its_whitened_rows();
    println!("the jobs end well or with errors under every limit: ok");
}

#[cfg(not(all(target_os = "linux", feature = "demo-model")))]
fn main() {}

#[cfg(all(target_os = "linux", feature = "demo-model"))]
mod limits {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::hint::black_box;
    use std::io::Write;
    use std::path::Path;
    use std::process::Command;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use eidos::linalg::RandomState;
    use eidos::{
        Activations, CodesFormat, CollectOptions, Control, Encode, Error, ErrorCode, Explainer, Ica, IcaOptions,
        LoadOptions, Solver, SplitModel, TopInputs,
    };
    use serde_json::{Value, json};

    /// The environment variable that tells a child what to do: `main 8` or `fit 8` with that many threads,
    /// `stream 2000` with so many texts, `grow 20000` with so many rows, `cycles THREADS`, or `load FOLDER`.
    pub const JOB: &str = "EIDOS_TEST_MEMORY_JOB";

    /// What a host has left for itself when it calls Eidos, in bytes: where its own next allocation fails, it is lost whatever
    /// Eidos does.
    const HOST: usize = 4 << 20;

    /// Does a job, and says how it ended.
    pub fn child(job: &str) {
        if black_box(&mut Vec::<u8>::new()).try_reserve_exact(HOST).is_err() {
            return;
        }
        println!("started");
        let result = match job.split_once(' ').unwrap() {
            ("main", threads) => main_job(threads.parse().unwrap()),
            ("fit", threads) => fit(threads.parse().unwrap()),
            ("grow", rows) => grow(rows.parse().unwrap()),
            ("stream", texts) => stream(texts.parse().unwrap()),
            ("cycles", threads) => cycles(threads.parse().unwrap()),
            (_, folder) => load(folder),
        };
        match result {
            Ok(()) => println!("finished well"),
            Err(error) if error.code() == ErrorCode::OutOfMemory => println!("out of memory: {error}"),
            Err(error) => println!("another error: {error:?}"),
        }
    }

    /// Loads the demo model, collects, fits, interprets and saves.
    fn main_job(threads: usize) -> Result<(), Error> {
        let control = Control::new();
        let texts: Vec<String> =
            (0..60).map(|index| format!("The {index}th film was good, and {index} people liked its actors.")).collect();
        let model = SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), &control)?;
        let options = CollectOptions { threads, batch_tokens: 64, ..CollectOptions::default() };
        let activations = &model.activations(&texts, &options, &control)?[0];
        let explainer = Explainer::fit::<Ica>(activations, &IcaOptions { threads, ..IcaOptions::new(8) }, &control)?;
        TopInputs { threads, ..TopInputs::default() }.interpret(&explainer, activations, &control)?;
        let folder = tempfile::tempdir().unwrap();
        activations.save(&folder.path().join("rows"), &control)?;
        explainer.save(&folder.path().join("concepts"))
    }

    /// Fits concepts to 20,000 rows of 32 columns.
    fn fit(threads: usize) -> Result<(), Error> {
        let mut random = RandomState::new(1);
        let rows: Vec<f32> = (0..20_000 * 32).map(|_| random.normal().powi(3) as f32).collect();
        let rows = Activations::from_rows(rows, 32, None)?;
        Explainer::fit::<Ica>(&rows, &IcaOptions { threads, max_iterations: 5, ..IcaOptions::new(32) }, &Control::new())
            .map(drop)
    }

    /// Collects the activations of so many texts, one after the other; says how many bytes were there at most at a time.
    fn stream(count: usize) -> Result<(), Error> {
        let control = Control::new();
        let model = SplitModel::load("eidos:demo", &["model.layers.0.mlp"], &LoadOptions::default(), &control)?;
        let options =
            CollectOptions { threads: 1, memory_limit: 0, shard_bytes: 256 << 10, ..CollectOptions::default() };
        let texts =
            (0..count).map(|index| Ok(format!("The {}th film was good, and {} cried.", index % 97, index % 89)));
        PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
        let found = &model.stream_activations(texts, &options, &control)?[0];
        assert!(found.is_on_disk() && found.row_count() > 8 * count && found.texts().len() == count);
        assert_eq!(found.texts().get(count - 1).split(' ').count(), 8);
        println!("peak {}", PEAK.load(Ordering::Relaxed));
        Ok(())
    }

    /// Fits concepts to rows on disk with each solver, and interprets them; says how many bytes each took at most. One
    /// thread does it: several have buffers of matrix products that go when they end, early or late.
    fn grow(rows: usize) -> Result<(), Error> {
        let control = Control::new();
        let folder = tempfile::tempdir().unwrap();
        let mut random = RandomState::new(1);
        let values: Vec<f32> = (0..rows * GROWN_COLUMNS).map(|_| random.normal().powi(3) as f32).collect();
        Activations::from_rows(values, GROWN_COLUMNS, None)?.save(&folder.path().join("rows"), &control)?;
        let rows = Activations::open(&folder.path().join("rows"))?;
        let peak = |what: &str, work: &mut dyn FnMut() -> Result<(), Error>| -> Result<(), Error> {
            let before = LIVE.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            work()?;
            println!("{what} {}", PEAK.load(Ordering::Relaxed) - before);
            Ok(())
        };
        let mut explainer = None;
        for solver in [Solver::FastIca, Solver::PicardO] {
            let options = IcaOptions { solver, threads: 1, max_iterations: 3, ..IcaOptions::new(GROWN_CONCEPTS) };
            peak(&format!("{solver:?}"), &mut || {
                explainer = Some(Explainer::fit::<Ica>(&rows, &options, &control)?);
                Ok(())
            })?;
        }
        peak("TopInputs", &mut || {
            let top = TopInputs { threads: 1, ..TopInputs::default() };
            top.interpret(explainer.as_ref().unwrap(), &rows, &control).map(drop)
        })?;
        let encode = Encode { threads: 1, ..Encode::default() };
        for (name, format) in CODES {
            let file = folder.path().join(name);
            peak(name, &mut || encode.save(explainer.as_ref().unwrap(), &rows, &file, format, &control))?;
        }
        Ok(())
    }

    /// What codes are written as; of a table in Parquet as many lines are in memory as a group has, which 20,000 rows fill.
    const CODES: [(&str, CodesFormat); if cfg!(feature = "parquet") { 4 } else { 3 }] = [
        ("npy", CodesFormat::Npy),
        ("npz", CodesFormat::Npz),
        ("safetensors", CodesFormat::Safetensors),
        #[cfg(feature = "parquet")]
        ("parquet", CodesFormat::Parquet),
    ];

    const GROWN_COLUMNS: usize = 64;
    const GROWN_CONCEPTS: usize = 8;

    /// What grows with the rows is the whitened ones, 32 bytes each where a row has 256; top inputs and codes that are written do not grow.
    pub fn a_fit_on_disk_takes_the_memory_of_its_whitened_rows() {
        const SLACK: usize = 1 << 20;
        let peaks = |rows: usize| {
            let said = under(64 << 20, &format!("grow {rows}")).unwrap();
            assert!(said.contains("finished well"), "{said}");
            let whats = ["FastIca", "PicardO", "TopInputs"].into_iter().chain(CODES.map(|(name, _)| name));
            let peak = |what: &str| {
                let line = said.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' ')).unwrap();
                line.parse::<usize>().unwrap()
            };
            whats.map(peak).collect::<Vec<_>>()
        };
        let (few, many) = (peaks(20_000), peaks(80_000));
        let whitened = 60_000 * GROWN_CONCEPTS * size_of::<f32>();
        for solver in [0, 1] {
            assert!(
                many[solver] < few[solver] + whitened + SLACK,
                "{few:?} bytes for 20,000 rows, {many:?} for 80,000"
            );
        }
        for (few_bytes, many_bytes) in few.iter().zip(&many).skip(2) {
            assert!(*many_bytes < few_bytes + SLACK, "{few:?} bytes for 20,000 rows, {many:?} for 80,000");
        }
    }

    /// Ten times as many texts, whose rows take 150 MB and whose texts and units would take 8 MB in growing tables, take no more
    /// memory. (Threads that end late count for a while.)
    pub fn a_stream_of_many_texts_takes_the_memory_of_one_window() {
        let peak = |count: usize| {
            let said = under(64 << 20, &format!("stream {count}")).unwrap();
            assert!(said.contains("finished well"), "{said}");
            let peak = said.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
            peak.parse::<usize>().unwrap()
        };
        let (few, many) = (peak(2_000), peak(20_000));
        assert!(many < few + (6 << 20), "{few} bytes for 2,000 texts, {many} for 20,000");
    }

    /// Loads a model, tokenizes, collects and frees it over and over, on this thread; says how many bytes were left after 20 and
    /// after 60 times.
    fn cycles(threads: usize) -> Result<(), Error> {
        let texts: Vec<String> = (0..200).map(|index| format!("The {index}th film, unlike {index} others.")).collect();
        for cycle in 1..=60 {
            let control = Control::new();
            let model = SplitModel::load("eidos:demo", &["model.layers.0.mlp"], &LoadOptions::default(), &control)?;
            let options = CollectOptions { threads, ..CollectOptions::default() };
            let inputs = model.inputs(&texts, threads, &control)?;
            assert!(model.activations(&inputs, &options, &control)?[0].row_count() > 1000);
            assert!(model.tokenizer()?.inputs(&texts[..1], 1, &control)?.token_count() > 5);
            drop(inputs);
            drop(model);
            if cycle % 20 == 0 {
                println!("left {}", LIVE.load(Ordering::Relaxed));
            }
        }
        assert_eq!(std::fs::read_dir("/proc/self/task").unwrap().count(), 1, "threads outlive their model");
        Ok(())
    }

    /// What the models before left behind is not there: no memory of the thread that loaded and used them, no threads.
    pub fn nothing_of_a_model_stays_on_the_thread_that_used_it() {
        // What a collector of garbage among the threads has not looked at yet.
        const LATE: usize = 16 << 10;
        for threads in [1, 3] {
            let said = under(64 << 20, &format!("cycles {threads}")).unwrap();
            assert!(said.contains("finished well"), "{said}");
            let left = said.lines().filter_map(|line| line.strip_prefix("left ")?.parse::<usize>().ok());
            let left: Vec<usize> = left.collect();
            assert!(left.len() == 3 && left[2] < left[0] + LATE, "{threads} threads: {left:?} bytes");
        }
    }

    /// How many bytes the process has of its allocator, and how many it had at most.
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    static PEAK: AtomicUsize = AtomicUsize::new(0);

    /// The allocator of the system, which is counted.
    struct Counted;

    #[global_allocator]
    static COUNTED: Counted = Counted;

    // SAFETY: the allocator of the system does it.
    #[allow(unsafe_code, reason = "an allocator counts what the library takes")]
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            PEAK.fetch_max(live, Ordering::Relaxed);
            // SAFETY: promised by the caller.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
            // SAFETY: promised by the caller.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    /// What a child says under a limit of its address space, `None` where it does not come as far as Eidos.
    fn under(limit_kib: u64, job: &str) -> Option<String> {
        let child = Command::new("sh")
            .args(["-c", &format!("ulimit -c 0 && ulimit -v {limit_kib} && exec \"$0\"")])
            .arg(std::env::current_exe().unwrap())
            .env(JOB, job)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        let complained = String::from_utf8_lossy(&child.stderr);
        if !said.contains("started") {
            return None;
        }
        assert!(child.status.success(), "{limit_kib} KiB, {job}: {:?}: {said} {complained}", child.status);
        Some(said)
    }

    pub fn the_main_job_ends_well_or_with_an_error_under_every_limit() {
        for job in ["main 1", "main 8"] {
            // Fine steps where little is there: at each, another allocation fails first.
            let plenty = std::iter::successors(Some(4 << 20), |limit| Some(limit * 6 / 7))
                .take_while(|&limit| limit > 400 << 10);
            let mut limits: Vec<u64> = plenty.collect();
            let little = 40 - limits.len() as u64;
            limits.extend((0..little).map(|step| (400 << 10) * (little - step) / little));
            let (well, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let limits = Mutex::new(limits);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        loop {
                            let Some(limit_kib) = limits.lock().unwrap().pop() else { return };
                            let Some(said) = under(limit_kib, job) else { continue };
                            let is_well = said.contains("finished well");
                            assert!(is_well || said.contains("out of memory"), "{limit_kib} KiB, {job}: {said}");
                            (if is_well { &well } else { &refused }).fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            let (well, refused) = (well.into_inner(), refused.into_inner());
            assert!(well > 5 && refused > 0, "{job}: well {well}, refused {refused}");
        }
    }

    pub fn a_fit_with_many_threads_does_with_four_gigabytes() {
        let said = under(4 << 20, "fit 8").unwrap();
        assert!(said.contains("finished well"), "{said}");
    }

    /// Writes a model of one block whose weights are a hole in the file. Its MLP has so many rows, its embedding so many ids.
    fn write_model_with_a_hole(folder: &Path, dtype: &str, ids: u64, mlp: u64) {
        const WIDTH: u64 = 192;
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/models/eurobert");
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(golden.join("tokenizer").join(file), folder.join(file)).unwrap();
        }
        let config = std::fs::read(golden.join("base/config.json")).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        let settings = [("vocab_size", ids), ("hidden_size", WIDTH), ("intermediate_size", mlp), ("head_dim", 64)];
        for (name, value) in settings.into_iter().chain([("num_attention_heads", 3), ("num_key_value_heads", 3)]) {
            config[name] = json!(value);
        }
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();

        let mut tensors = vec![("embed_tokens".to_owned(), vec![ids, WIDTH])];
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
            tensors.push((format!("layers.0.self_attn.{name}"), vec![WIDTH, WIDTH]));
        }
        for name in ["input_layernorm", "post_attention_layernorm"] {
            tensors.push((format!("layers.0.{name}"), vec![WIDTH]));
        }
        for (name, shape) in [("gate", [mlp, WIDTH]), ("up", [mlp, WIDTH]), ("down", [WIDTH, mlp])] {
            tensors.push((format!("layers.0.mlp.{name}_proj"), shape.to_vec()));
        }
        let (mut end, mut header) = (0, serde_json::Map::new());
        for (name, shape) in tensors {
            let first = end;
            end += shape.iter().product::<u64>() * if dtype == "F32" { 4 } else { 2 };
            let tensor = json!({"dtype": dtype, "shape": shape, "data_offsets": [first, end]});
            header.insert(format!("model.{name}.weight"), tensor);
        }
        let header = Value::Object(header).to_string();
        let mut file = std::fs::File::create(folder.join("model.safetensors")).unwrap();
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.set_len(8 + header.len() as u64 + end).unwrap();
    }

    /// Most memory that the process has had, in MiB: its own, and what it has of files.
    fn peak_mib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
    }

    /// Loads a model, and runs it on a text.
    fn load(folder: &str) -> Result<(), Error> {
        let before = peak_mib();
        let model = SplitModel::load(folder, &["layers.0.mlp"], &LoadOptions::default(), &Control::new())?;
        let options = CollectOptions { threads: 1, ..CollectOptions::default() };
        model.activations(&["a film"], &options, &Control::new())?;
        println!("{} beside {}", peak_mib() - before, model.weight_bytes() >> 20);
        Ok(())
    }

    /// The file has 96 MiB of embeddings, which stay there, and 36 MiB of matrices, each of which is read 4 MiB at a time. The
    /// memory beside them is that of the tokenizer and of a run.
    pub fn a_model_that_loads_has_no_matrix_in_memory_twice() {
        for (dtype, ids, mlp) in [("F32", 1 << 17, 1 << 14), ("BF16", 1 << 18, 1 << 15), ("F16", 1 << 18, 1 << 15)] {
            let folder = tempfile::tempdir().unwrap();
            write_model_with_a_hole(folder.path(), dtype, ids, mlp);
            let said = under(16 << 20, &format!("load {}", folder.path().display())).unwrap();
            assert!(said.contains("finished well"), "{dtype}: {said}");
            let (peak, weights) = said.lines().find_map(|line| line.split_once(" beside ")).unwrap();
            let (peak, weights) = (peak.parse::<usize>().unwrap(), weights.parse::<usize>().unwrap());
            assert!((36..40).contains(&weights) && peak < weights + 30, "{dtype}: {peak} MiB for {weights}");
        }
    }

    pub fn a_file_of_weights_that_is_mostly_a_hole_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        write_model_with_a_hole(folder.path(), "BF16", 6000, 1 << 27);
        // There is no address space for the file, or for the file and not for the tensor.
        for (limit_kib, part) in [(4 << 20, "model.safetensors"), (180 << 20, "gate_proj.weight")] {
            let said = under(limit_kib, &format!("load {}", folder.path().display())).unwrap();
            assert!(said.contains("out of memory") && said.contains(part), "{said}");
        }
    }
}
