//! What processes use of the machine, as Linux tells (proc(5)).

use std::ops::Sub;
use std::{fs, io, process};

use crate::bench::peak_memory;

/// Clock ticks a second, in which Linux tells of processor time whatever the kernel counts in.
const TICKS: f64 = 100.0;

/// What a process has used since it began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Seconds of processors, its own and the kernel's for it.
    pub cpu: f64,
    /// The most memory that it had at a time, in megabytes.
    pub peak: f64,
}

impl Sub for Usage {
    type Output = Self;

    /// What was used between two looks; the most memory is that of the later one.
    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu - earlier.cpu,
            peak: self.peak,
        }
    }
}

impl Usage {
    /// Of a process.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(process: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is a name in brackets, which may hold anything.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let field = |number: usize| fields.split(' ').nth(number - 3)?.parse().ok();
        let ticks = |number: usize| field(number).unwrap_or(0.0);
        Ok(Self {
            cpu: (ticks(14) + ticks(15)) / TICKS,
            peak: f64::from(peak_memory(&process.to_string())) / 1_024.0,
        })
    }

    /// Of all processes of a function that this process has started: processor time of all, memory of the largest.
    ///
    /// # Errors
    /// When a process cannot be looked at.
    pub fn of_function(name: &str) -> io::Result<Self> {
        let mut all = Self {
            cpu: 0.0,
            peak: 0.0,
        };
        for process in processes(name)? {
            let one = Self::of(process)?;
            all.cpu += one.cpu;
            all.peak = all.peak.max(one.peak);
        }
        Ok(all)
    }
}

/// The processes of a function that this process has started.
///
/// # Errors
/// When the kernel does not tell.
pub fn processes(function: &str) -> io::Result<Vec<u32>> {
    let ours = children()?.into_iter();
    let of_function = ours.filter(|(_, program)| program == function);
    Ok(of_function.map(|(process, _)| process).collect())
}

/// The processes that this process has started, each with the name by which it was called.
///
/// # Errors
/// When the kernel does not tell.
pub fn children() -> io::Result<Vec<(u32, String)>> {
    let this = process::id().to_string();
    let child = |process: u32| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
        // One that has ended meanwhile has neither.
        let (status, command) = (read("status").ok()?, read("cmdline").ok()?);
        let ours = line(&status, "PPid:").is_some_and(|parent| parent == this);
        let program = command.split('\0').next()?.rsplit('/').next()?;
        ours.then(|| (process, program.to_owned()))
    };
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(processes.filter_map(child).collect())
}

/// Lets the most memory of a process be counted anew from here on.
///
/// # Errors
/// When there is no such process.
pub fn forget_peak(process: u32) -> io::Result<()> {
    fs::write(format!("/proc/{process}/clear_refs"), "5")
}

/// Seconds of a processor that the calling thread has used.
///
/// # Errors
/// When the kernel does not tell.
pub fn thread_cpu() -> io::Result<f64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().unwrap_or_default().parse();
    let nanoseconds: f64 =
        nanoseconds.map_err(|_| io::Error::other("no processor time of a thread"))?;
    Ok(nanoseconds / 1e9)
}

fn line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.trim()))
}
