//! The three pages that a program shows over HTTP, fetched; its metrics are read by the Prometheus project's own strict parser.
//! It knows no metric: what one shall be is said by the test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::programs::Program;
use crate::tools;

const READ: &str = include_str!("pages/read.py");
/// What a program says when its pages can be fetched.
const SHOWN: &str = "/metrics, /healthz and /readyz are at http://";

/// One value of a page.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// With its suffix: `…_total`, `…_bucket`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Waits until a program shows its pages, and says where.
///
/// # Errors
/// When it ends instead, or does not.
pub async fn address(program: &mut Program) -> anyhow::Result<String> {
    program.says(SHOWN).await?;
    let (_, log) = program.said();
    let (_, after) = log.rsplit_once(SHOWN).context("it said so")?;
    let end = after.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
    Ok(after
        .get(..end.unwrap_or(after.len()))
        .unwrap_or_default()
        .to_owned())
}

/// A page: its status, its headers and its body.
///
/// # Errors
/// When nobody answers.
pub async fn get(address: &str, path: &str) -> anyhow::Result<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no empty line")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, head.to_owned(), body.to_owned()))
}

/// The metrics of a program.
///
/// # Errors
/// When there are none, or the parser refuses them: with what it says.
pub async fn metrics(address: &str) -> anyhow::Result<Vec<Sample>> {
    let (status, head, body) = get(address, "/metrics").await?;
    anyhow::ensure!(status == 200, "{status}: {body}");
    let open = head
        .to_lowercase()
        .contains("content-type: application/openmetrics-text");
    anyhow::ensure!(open, "{head}");
    read(&body).await
}

/// Text of metrics, as the parser reads it.
///
/// # Errors
/// When it refuses it.
pub async fn read(text: &str) -> anyhow::Result<Vec<Sample>> {
    let python: PathBuf = tools::prometheus_client().await?;
    let mut command = tokio::process::Command::new(python);
    command.args(["-c", READ]).kill_on_drop(true);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("it has a standard input")?;
    stdin.write_all(text.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{said}\n{text}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
