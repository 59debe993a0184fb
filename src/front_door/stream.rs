//! A client's socket of any kind.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::nonblocking::Handshake;

/// The kinds of client sockets.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

impl Stream {
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(socket) => registry.register(socket, token, both),
            Self::Unix(socket) => registry.register(socket, token, both),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => registry.register(stream.socket(), token, both),
        }
    }

    /// Closing the descriptor would do too, as long as there is no duplicate of it.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        let _ = match self {
            Self::Tcp(socket) => registry.deregister(socket),
            Self::Unix(socket) => registry.deregister(socket),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => registry.deregister(stream.socket()),
        };
    }

    pub(super) fn handshake(&mut self) -> io::Result<Handshake> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(Handshake::Done),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.handshake(),
        }
    }

    pub(super) fn needs_handshake(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// Says that nothing more will be sent, while still reading.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Self::Unix(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.finish(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(buffer),
            Self::Unix(socket) => socket.write(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    /// Returns `WouldBlock` while something is still held back on our side.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}
