//! The servers in this process: the execution host and the front door.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::front::Front;
use crate::instances::{self, Host, HostOptions, RUNTIME_PATH};

/// Both servers. They have their ports before the parts that need them start.
pub(super) struct Servers {
    host_address: String,
    aws_endpoint: String,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    listeners: Vec<TcpListener>,
    host: Option<Host>,
    tasks: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Binds both to free loopback ports.
    pub(super) async fn bind() -> Result<Self> {
        let (host, front) = (listener().await?, listener().await?);
        Ok(Self {
            host_address: address(&host)?,
            aws_endpoint: format!("http://{}", address(&front)?),
            running: Mutex::new(Running { listeners: vec![host, front], ..Running::default() }),
        })
    }

    /// Starts serving; `dir` is the working folder and `ministack` the URL of MiniStack.
    pub(super) fn serve(&self, dir: &Path, ministack: &str) -> Result<Front> {
        let host = Host::new(HostOptions {
            lambda_api: ministack.to_owned(),
            aws_endpoint: self.aws_endpoint.clone(),
            runtime_api: format!("http://{}{RUNTIME_PATH}", self.host_address),
            code: dir.join("code"),
            logs: dir.join("logs"),
        })?;
        let front = Front::new(host.clone(), ministack);
        let routers = [instances::router(host.clone()), front.router()];
        let mut running = self.running();
        running.host = Some(host);
        let listeners = std::mem::take(&mut running.listeners);
        for (listener, router) in listeners.into_iter().zip(routers) {
            running.tasks.push(tokio::spawn(serve(listener, router)));
        }
        Ok(front)
    }

    /// The URL for the events of a function.
    pub(super) fn invoke_url(&self, function: &str) -> String {
        format!("http://{}/invoke/{function}", self.host_address)
    }

    /// The front door's URL.
    pub(super) fn aws_endpoint(&self) -> &str {
        &self.aws_endpoint
    }

    /// Ends all functions, then both servers.
    pub(super) async fn close(&self) {
        let host = self.running().host.take();
        if let Some(host) = host {
            host.close().await;
        }
        self.abort();
    }

    fn abort(&self) {
        for task in self.running().tasks.drain(..) {
            task.abort();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(host) = &self.running().host {
            host.abandon();
        }
        self.abort();
    }
}

async fn listener() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding a loopback port")
}

fn address(listener: &TcpListener) -> Result<String> {
    let address = listener.local_addr().context("reading a bound port")?;
    Ok(address.to_string())
}

async fn serve(listener: TcpListener, router: Router) {
    // The head and body of an answer are written separately. Nagle's algorithm would delay the body by up to 40 ms on a
    // reused connection.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    // Never returns: axum continues after failed connections.
    let _ = axum::serve(listener, router).await;
}
