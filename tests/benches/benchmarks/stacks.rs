//! The stacks that are measured: on files, by a clock that goes; and what is measured beside them.

use std::path::Path;
use std::{fs, io, thread};

use muster_local::{Options, Spawn};
use muster_shared::clock::Clock;
use muster_tests::binaries;

/// With all functions in this process, which say what they consume when `meter`.
pub fn of_one_process(folder: &Path, meter: bool) -> impl FnOnce(Options) -> Options + use<> {
    let data = folder.join("stack");
    move |options| Options {
        data: Some(data),
        clock: Clock::shifted(),
        meter,
        ..options
    }
}

/// With functions that are processes, as on AWS: of this program, built as benchmarks are. They log what `log` lets through.
pub fn of_processes(
    folder: &Path,
    meter: bool,
    log: &str,
) -> io::Result<impl FnOnce(Options) -> Options + use<>> {
    let functions = folder.join("functions");
    fs::create_dir(&functions)?;
    binaries::link(&functions)?;
    let spawn = Spawn {
        folder: functions,
        log: log.to_owned(),
    };
    let on_files = of_one_process(folder, meter);
    Ok(move |options| Options {
        spawn: Some(spawn),
        ..on_files(options)
    })
}

/// Does something on a thread that does nothing else, with a runtime of its own, as a function has.
pub fn apart<T: Send>(work: impl AsyncFnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(work())
    };
    thread::scope(|scope| scope.spawn(run).join().unwrap())
}
