//! A function that does nothing: what the runtime alone costs.

use lambda_http::{Error, Request, run, service_fn};

fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(service_fn(|_: Request| async {
        Ok::<_, Error>("hello")
    })))
}
