//! Where clients connect: TCP, Unix sockets, and sockets that systemd has opened for us.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use super::forwarded::LOCAL_PEER;
use super::settings::Settings;
use super::stream::Stream;
use crate::modes;

/// The groups of the machine.
const GROUPS: &str = "/etc/group";

/// One socket that accepts clients.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// The file that is ours to remove, with device and inode, so that a successor's file stays.
    file: Option<(PathBuf, u64, u64)>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where a listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// The file of a Unix socket, where it has one.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listener {
    /// Binds `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/gatepost.sock`.
    ///
    /// # Errors
    /// When the text is none of these, or the address is taken or forbidden.
    pub fn bind(text: &str) -> io::Result<Self> {
        Self::bind_for(text, &Settings::default())
    }

    /// The same, where a Unix socket gets the mode and the group in the settings.
    ///
    /// # Errors
    /// As [`bind`](Self::bind); when there is no such group, or the process is not in it.
    pub(crate) fn bind_for(text: &str, settings: &Settings) -> io::Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::bind_unix(Path::new(path), settings);
        }
        let address: SocketAddr = text.parse().map_err(|_| {
            let expected = "expected ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH";
            io::Error::new(io::ErrorKind::InvalidInput, expected)
        })?;
        Ok(Self { socket: Socket::Tcp(TcpListener::bind(address)?), file: None })
    }

    fn bind_unix(path: &Path, settings: &Settings) -> io::Result<Self> {
        let group = group(&settings.socket_group)?;
        remove_stale(path)?;
        let socket = UnixListener::bind(path)?;
        let metadata = path.symlink_metadata()?;
        let file = Some((path.to_owned(), metadata.dev(), metadata.ino()));
        // Made first, so that a failure below removes the file.
        let listener = Self { socket: Socket::Unix(socket), file };
        if group.is_some() {
            let fault = |e: io::Error| {
                let name = &settings.socket_group;
                io::Error::new(
                    e.kind(),
                    format!(
                        "server.socket_group: cannot give it to {name}: {e}; the process must be in that \
                         group, and under systemd the socket unit gives it away (SocketGroup=)"
                    ),
                )
            };
            std::os::unix::fs::chown(path, None, group).map_err(fault)?;
        }
        modes::set(path, settings.socket_mode.bits())?;
        Ok(listener)
    }

    /// The stream sockets that systemd passed (`LISTEN_FDS`, `LISTEN_PID`); none when it passed
    /// none. Call it once, before other threads start, since it clears the two variables.
    ///
    /// # Errors
    /// When a passed descriptor is no listening TCP or Unix socket.
    pub fn from_systemd() -> io::Result<Vec<Self>> {
        let mut passed = listenfd::ListenFd::from_env();
        (0..passed.len())
            .filter_map(|at| match passed.take_tcp_listener(at) {
                Ok(socket) => socket.map(|socket| Ok(from_std_tcp(socket))),
                Err(_) => passed.take_unix_listener(at).transpose().map(|s| s.map(from_std_unix)),
            })
            .map(|listener| listener?)
            .collect()
    }

    /// Where it can be reached.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<Address> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().map(Address::Tcp),
            Socket::Unix(socket) => {
                let path = socket.local_addr()?.as_pathname().map(Path::to_owned);
                Ok(Address::Unix(path.unwrap_or_default()))
            }
        }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Socket::Unix(socket) => registry.register(socket, token, Interest::READABLE),
        }
    }

    /// The next client and its address.
    pub(super) fn accept(&self) -> io::Result<(Stream, std::net::IpAddr)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, peer) = socket.accept()?;
                // Replies are written in one piece; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), peer.ip().to_canonical()))
            }
            Socket::Unix(socket) => {
                let (stream, _) = socket.accept()?;
                Ok((Stream::Unix(stream), LOCAL_PEER))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some((path, device, inode)) = &self.file
            && path.symlink_metadata().is_ok_and(|m| m.dev() == *device && m.ino() == *inode)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The number of a group that is written as its name or its number; `None` for an empty name.
fn group(name: &str) -> io::Result<Option<u32>> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    let fault = |text: String| io::Error::new(io::ErrorKind::NotFound, text);
    let groups = std::fs::read_to_string(GROUPS)
        .map_err(|e| fault(format!("server.socket_group: cannot read {GROUPS}: {e}")))?;
    let of_name = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    let found: Option<u32> = groups.lines().find_map(of_name);
    let text =
        || format!("server.socket_group: {GROUPS} has no group {name}; its number will do too");
    found.map(Some).ok_or_else(|| fault(text()))
}

/// Child processes must not inherit what we inherited.
fn keep_to_ourselves(socket: &impl std::os::fd::AsFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?)
}

fn from_std_tcp(socket: std::net::TcpListener) -> io::Result<Listener> {
    keep_to_ourselves(&socket)?;
    socket.set_nonblocking(true)?;
    Ok(Listener { socket: Socket::Tcp(TcpListener::from_std(socket)), file: None })
}

fn from_std_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Listener> {
    keep_to_ourselves(&socket)?;
    socket.set_nonblocking(true)?;
    // The file belongs to systemd, which will use it again.
    Ok(Listener { socket: Socket::Unix(UnixListener::from_std(socket)), file: None })
}

/// Removes a socket file on which nothing listens any more, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        let text = format!("{} exists and is not a socket", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
        Ok(_) => {
            let text = format!("another process is listening on {}", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
    }
}
