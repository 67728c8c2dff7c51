//! A listener's own thread.

use std::convert::Infallible;
use std::io;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::serve::Listener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::{HttpError, serve};

/// A thread that serves one listener and nothing else, so that whoever asks waits neither for the pipeline and its
/// lookups nor for those who ask elsewhere. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub(super) struct ListenerThread {
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl ListenerThread {
    /// Starts one that binds and then serves: `bind` yields the listener, what is served there, and what the caller wants
    /// to know about it. The thread has the capabilities of the one that starts it.
    ///
    /// # Errors
    /// Those of `bind`, or no thread can be started.
    pub(super) async fn start<L: Listener, P: Send + 'static>(
        name: &str,
        bind: impl Future<Output = Result<(L, Router, P), HttpError>> + Send + 'static,
    ) -> Result<(Self, P), HttpError> {
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(bind, tell, stopped))
            .map_err(HttpError::Thread)?;
        let own = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        let ended = |_| HttpError::Thread(io::Error::other("it has ended"));
        let place = told.await.map_err(ended)??;
        Ok((own, place))
    }
}

impl Drop for ListenerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

fn run<L: Listener, P>(
    bind: impl Future<Output = Result<(L, Router, P), HttpError>>,
    tell: oneshot::Sender<Result<P, HttpError>>,
    stopped: oneshot::Receiver<Infallible>,
) {
    // The caller is gone only when it does not want to know.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return drop(tell.send(Err(HttpError::Thread(source)))),
    };
    runtime.block_on(async {
        match bind.await {
            Ok((listener, router, place)) => {
                let _ = tell.send(Ok(place));
                tokio::select! {
                    () = serve(listener, router) => {}
                    _ = stopped => {}
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    });
}
