//! Handing mail to a server. The library's own time limit is one for each read, so that a server that sends a
//! byte now and then could hold a delivery for ever. Driven on a runtime, as the database's driver is, a delivery has
//! a deadline as a whole.

use super::texts::Rendered;
use super::{DEADLINE, NotSent};
use crate::config::{Mail, SmtpServer, SmtpTls, sender};
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// How often it is asked whether the service is about to stop.
const LOOK: Duration = Duration::from_millis(200);

/// A server that takes mail. A connection is made for each message.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// Always there, until it is dropped.
    runtime: Option<Runtime>,
    deadline: Duration,
}

impl Smtp {
    /// The server of `mail.smtp`, which must be set.
    ///
    /// # Errors
    /// [`NotSent::Away`] when no message can leave: the certificates of this machine cannot be read, for instance.
    pub(crate) fn open(settings: &Mail) -> Result<Self, NotSent> {
        let away = |text: String| NotSent::Away(text);
        let url = settings.smtp.as_ref().ok_or_else(|| away("mail.smtp is not set".to_owned()))?;
        let server = SmtpServer::parse(url).map_err(|fault| away(fault.to_owned()))?;
        let (name, address) =
            sender(&settings.from).map_err(|fault| away(format!("mail.from: {fault}")))?;
        let address = address.canonical().parse();
        let address = address.map_err(|fault| away(format!("mail.from: {fault}")))?;
        let from = Mailbox::new(name.map(str::to_owned), address);
        let tls = TlsParameters::new_rustls(server.host.clone());
        let tls = tls.map_err(|fault| away(format!("TLS: {}", described(&fault))));
        let tls = match server.tls {
            SmtpTls::Implicit => Tls::Wrapper(tls?),
            SmtpTls::Required => Tls::Required(tls?),
            SmtpTls::Offered => tls.map_or(Tls::None, Tls::Opportunistic),
        };
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
            .port(server.port)
            .hello_name(hello)
            .timeout(Some(DEADLINE))
            .tls(tls);
        let builder = match server.credentials {
            None => builder,
            Some((name, password)) => {
                builder.credentials(Credentials::new(name, password.expose().to_owned()))
            }
        };
        // One blocking thread: looking up a name.
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.map_err(|fault| away(fault.to_string()))?;
        Ok(Self { transport: builder.build(), from, runtime: Some(runtime), deadline: DEADLINE })
    }

    /// Hands a message over. Once this is `Ok`, the server answers for it.
    ///
    /// # Errors
    /// [`NotSent`]. In rare cases the server has taken it all the same, when the connection was lost before its
    /// answer arrived.
    pub(crate) fn send(
        &self,
        to: &str,
        message: &Rendered,
        id: &str,
        is_stopping: &dyn Fn() -> bool,
    ) -> Result<(), NotSent> {
        let address: Address =
            to.parse().map_err(|fault| NotSent::Refused(format!("the address: {fault}")))?;
        let whole = self.written(&address, message, id)?;
        let from = Some(self.from.email.clone());
        let envelope = Envelope::new(from, vec![address]);
        let envelope = envelope.map_err(|fault| NotSent::Refused(fault.to_string()))?;
        let Some(runtime) = &self.runtime else { return Err(NotSent::Away("closed".to_owned())) };
        let end = Instant::now() + self.deadline;
        runtime.block_on(async {
            let mut sending = pin!(self.transport.send_raw(&envelope, &whole));
            loop {
                match timeout(LOOK, &mut sending).await {
                    Ok(outcome) => return outcome.map(drop).map_err(|error| not_sent(&error)),
                    Err(_) if is_stopping() => return Err(NotSent::Away("stopping".to_owned())),
                    Err(_) if end <= Instant::now() => {
                        let seconds = self.deadline.as_secs();
                        return Err(NotSent::Away(format!(
                            "the server took longer than {seconds} s"
                        )));
                    }
                    Err(_) => (),
                }
            }
        })
    }

    fn written(&self, to: &Address, message: &Rendered, id: &str) -> Result<Vec<u8>, NotSent> {
        let domain = self.from.email.domain();
        let built = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(&message.subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            // RFC 3834, 5: no machine answers it.
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(
                message.text.clone(),
                message.html.clone(),
            ));
        let built = built.map_err(|fault| NotSent::Refused(fault.to_string()))?;
        Ok(built.formatted())
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        // A name that is being looked up is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// RFC 3834, 5.
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A reply whose second digit is 5 is about the message (RFC 5321, 4.2.1), and any other about the server or us.
fn not_sent(error: &Error) -> NotSent {
    use lettre::transport::smtp::response::Detail;
    let text = described(error);
    let is_about_mail = |code: lettre::transport::smtp::response::Code| {
        // 454: TLS or authentication is not available now (RFC 3207, RFC 4954).
        code.category as u8 == 5 && !(error.is_transient() && code.detail == Detail::Four)
    };
    if error.status().is_some_and(is_about_mail) {
        NotSent::Refused(text)
    } else {
        NotSent::Away(text)
    }
}

/// What an error says, with its causes. A reply may repeat the address, which no log shows.
fn described(error: &Error) -> String {
    if let Some(code) = error.status() {
        return format!("the server answered {code}");
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};
    use std::io::Write;
    use std::net::TcpListener;

    /// Sends to a server that speaks to the first client like this.
    fn send_to(speak: fn(std::net::TcpStream), is_stopping: bool) -> (NotSent, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || speak(listener.accept().unwrap().0));
        let mut settings = Config::new(Profile::Testing).mail;
        settings.smtp = Some(format!("smtp://127.0.0.1:{port}").as_str().into());
        settings.from = "noreply@example.com".to_owned();
        let mut smtp = Smtp::open(&settings).unwrap();
        smtp.deadline = Duration::from_secs(1);
        let message =
            Rendered { subject: "x".to_owned(), text: "x".to_owned(), html: "x".to_owned() };
        let begin = Instant::now();
        let fault = smtp.send("a@example.com", &message, "1", &|| is_stopping).unwrap_err();
        (fault, begin.elapsed())
    }

    fn drip(mut stream: std::net::TcpStream) {
        // A reply that never ends, each of whose bytes comes in time.
        while stream.write_all(b"2").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_server_that_sends_a_byte_now_and_then_holds_a_delivery_no_longer_than_its_deadline() {
        let (fault, took) = send_to(drip, false);
        assert!(
            matches!(&fault, NotSent::Away(text) if text.contains("longer than 1 s")),
            "{fault:?}"
        );
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn mail_can_be_from_whoever_the_settings_take() {
        for (from, written) in [
            ("noreply@example.com", "noreply@example.com"),
            ("Example <noreply@example.com>", "Example <noreply@example.com>"),
            (
                "Example, Inc. <noreply@BÜCHER.example>",
                "\"Example, Inc.\" <noreply@xn--bcher-kva.example>",
            ),
            ("<a@b>", "a@b"),
        ] {
            let mut config = Config::new(Profile::Testing);
            config.mail.smtp = Some("smtp://127.0.0.1".into());
            config.mail.link_base = "https://www.example.com/".to_owned();
            config.mail.from = from.to_owned();
            assert_eq!(config.validate(), Ok(()), "{from}");
            assert_eq!(Smtp::open(&config.mail).unwrap().from.to_string(), written);
        }
    }

    #[test]
    fn a_delivery_ends_when_the_service_stops() {
        let (fault, took) = send_to(drip, true);
        assert_eq!(fault, NotSent::Away("stopping".to_owned()));
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    #[test]
    fn what_is_wrong_with_the_server_is_told_from_what_is_wrong_with_the_message() {
        let answering = |greeting: &'static str| -> fn(std::net::TcpStream) {
            match greeting {
                "421" => |mut stream| stream.write_all(b"421 busy\r\n").unwrap(),
                "554" => |mut stream| stream.write_all(b"554 no service\r\n").unwrap(),
                _ => drop,
            }
        };
        assert!(matches!(send_to(answering("421"), false).0, NotSent::Away(_)));
        assert!(matches!(send_to(answering("554"), false).0, NotSent::Refused(_)));
        assert!(matches!(send_to(answering(""), false).0, NotSent::Away(_)));
    }
}
