//! What systemd, or any other supervisor, sees: readiness, the watchdog, passed sockets, the end when
//! nobody asks, Unix sockets for a proxy, and `gatepost health`.

use crate::support::client;
use crate::support::program::{Home, Running, failure, run, success};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The socket on which a supervisor hears from the service.
fn supervisor(home: &Home) -> UnixDatagram {
    let socket = UnixDatagram::bind(home.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let count = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..count].to_vec()).unwrap()
}

/// `serve` as systemd starts it, with this socket as descriptor 3 and no address of its own.
fn with_socket(home: &Home, socket: OwnedFd) -> Command {
    let program = home.command(&["serve"]);
    let mut command = Command::new("sh");
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" serve";
    command.args(["-c", script]).arg(program.get_program()).env_clear().current_dir(home.path());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command.env_remove("GATEPOST_SERVER_LISTEN").stdin(Stdio::from(socket));
    command
}

fn passed(home: &Home, listener: &TcpListener) -> Command {
    with_socket(home, OwnedFd::from(listener.try_clone().unwrap()))
}

fn live(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_supervisor_hears_of_readiness_of_life_and_of_the_stop() {
    let home = Home::new();
    let supervisor = supervisor(&home);
    let mut command = home.command(&["serve"]);
    command.env("NOTIFY_SOCKET", home.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let service = Running::start(&mut command);
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    assert_eq!(heard(&supervisor), format!("READY=1\nSTATUS=listening on {address}"));
    for _ in 0..3 {
        assert_eq!(heard(&supervisor), "WATCHDOG=1");
    }
    service.signal("-TERM");
    while heard(&supervisor) != "STOPPING=1" {}
    assert_eq!(service.wait().0, Some(0));
}

#[test]
fn the_watchdog_is_for_the_process_that_it_names_and_its_socket_may_have_no_file() {
    use std::os::linux::net::SocketAddrExt;
    let home = Home::new();
    let name = format!("gatepost-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let supervisor = UnixDatagram::bind_addr(&address).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = home.command(&["serve"]);
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    command.env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let service = Running::start(&mut command);
    assert!(heard(&supervisor).starts_with("READY=1\n"));
    std::thread::sleep(Duration::from_millis(300));
    service.signal("-TERM");
    assert_eq!(heard(&supervisor), "STOPPING=1");
    assert_eq!(service.wait().0, Some(0));
}

#[test]
fn a_start_that_fails_is_never_ready_and_is_one_line() {
    let home = Home::new();
    let supervisor = supervisor(&home);
    supervisor.set_nonblocking(true).unwrap();
    for (name, value) in [
        ("GATEPOST_SERVER_LISTEN", "nowhere"),
        ("GATEPOST_SERVER_TLS_CERTIFICATE", "/nowhere/certificate.pem"),
        ("GATEPOST_SERVER_LISTEN", "unix:/nowhere/http.sock"),
    ] {
        let mut command = home.command(&["serve"]);
        command.env("NOTIFY_SOCKET", home.path().join("notify")).env(name, value);
        let text = failure(&run(&mut command, ""), 1);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(supervisor.recv(&mut [0; 64]).is_err(), "{value}");
    }
}

#[test]
fn a_passed_socket_is_used_without_being_told_and_beside_an_address_the_start_fails() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = Running::start(&mut passed(&home, &listener));
    assert_eq!(service.url, format!("http://{address}"));
    assert!(live(address).unwrap().starts_with("HTTP/1.1 200 "));
    service.stop();

    let mut both = passed(&home, &listener);
    both.env("GATEPOST_SERVER_LISTEN", "127.0.0.1:8080").stdout(Stdio::piped());
    let text = failure(&both.stderr(Stdio::piped()).output().unwrap(), 1);
    assert!(text.contains("server.listen: systemd passed 1 socket"), "{text}");
    assert!(text.contains("127.0.0.1:8080") && text.contains("GATEPOST_SERVER_LISTEN"), "{text}");
    std::fs::write(home.path().join("c.toml"), "[server]\nlisten = \"127.0.0.1:8080\"\n").unwrap();
    let mut both = passed(&home, &listener);
    both.env("GATEPOST_CONFIG", "c.toml").stdout(Stdio::piped());
    let text = failure(&both.stderr(Stdio::piped()).output().unwrap(), 1);
    assert!(text.contains("c.toml:2"), "{text}");

    let service = Running::start(passed(&home, &listener).env("GATEPOST_SERVER_LISTEN", "systemd"));
    service.stop();
}

#[test]
fn while_the_supervisor_holds_the_socket_a_restart_refuses_no_client() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let first = Running::start(&mut passed(&home, &listener));
    let (done, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (done, served) = (Arc::clone(&done), Arc::clone(&served));
            std::thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let answer = live(address).unwrap();
                    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let enough = |count| {
        while served.load(Ordering::SeqCst) < count {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client was lost");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let mut service = first;
    for round in 1..=3 {
        enough(round * 100);
        service.stop();
        service = Running::start(&mut passed(&home, &listener));
    }
    enough(400);
    done.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().unwrap());
    service.stop();
}

#[test]
fn a_service_that_nobody_asks_ends_and_the_next_client_finds_the_next_one() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || {
        let mut command = passed(&home, &listener);
        Running::start(command.env("GATEPOST_SERVER_EXIT_WHEN_IDLE", "2s"))
    };
    let service = start();
    let begun = Instant::now();
    // One that asks again and again keeps it alive; one that only stays connected does not.
    let mut kept = TcpStream::connect(address).unwrap();
    kept.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    while begun.elapsed() < Duration::from_secs(3) {
        assert!(live(address).unwrap().starts_with("HTTP/1.1 200 "));
        std::thread::sleep(Duration::from_millis(200));
    }
    let (code, _, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("no request for 2s"), "{log}");
    assert!(begun.elapsed() > Duration::from_secs(5) - Duration::from_millis(300));
    home.wait_until_quiet();
    let client = std::thread::spawn(move || live(address).unwrap());
    assert!(!client.is_finished());
    let service = start();
    assert!(client.join().unwrap().starts_with("HTTP/1.1 200 "));
    service.stop();

    let mut alone = home.command(&["serve"]);
    let service = Running::start(alone.env("GATEPOST_SERVER_EXIT_WHEN_IDLE", "1h"));
    assert!(service.stop().contains("nothing starts the service again"));
}

#[test]
fn a_connection_that_has_not_asked_yet_keeps_a_service_from_ending() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = passed(&home, &listener);
    let service = Running::start(command.env("GATEPOST_SERVER_EXIT_WHEN_IDLE", "1s"));
    let mut slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(service.wait().0, Some(0));
}

#[test]
fn the_mode_and_the_group_of_a_unix_socket_are_the_configured_ones_whatever_the_umask() {
    let home = Home::new();
    let socket = home.path().join("http.sock");
    let serve = |umask: &str, settings: &[(&str, &str)]| {
        let program = home.command(&["serve"]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("umask {umask}; exec \"$0\" serve")]);
        command.arg(program.get_program()).env_clear().current_dir(home.path());
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap());
        }
        command.env("GATEPOST_SERVER_LISTEN", format!("unix:{}", socket.display()));
        command.envs(settings.iter().copied());
        command
    };
    for (umask, mode, expected) in
        [("077", None, 0o660), ("000", None, 0o660), ("077", Some("0666"), 0o666)]
    {
        let settings: Vec<_> =
            mode.map(|mode| ("GATEPOST_SERVER_SOCKET_MODE", mode)).into_iter().collect();
        let service = Running::start(&mut serve(umask, &settings));
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, expected);
        UnixStream::connect(&socket).unwrap();
        service.stop();
    }
    // Only root may give a file to any group.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        for group in ["daemon", "1"] {
            let service =
                Running::start(&mut serve("022", &[("GATEPOST_SERVER_SOCKET_GROUP", group)]));
            assert_eq!(socket.metadata().unwrap().gid(), 1);
            service.stop();
        }
    }
    let mut unknown = serve("022", &[("GATEPOST_SERVER_SOCKET_GROUP", "no-such-group")]);
    let text = failure(&run(&mut unknown, ""), 1);
    assert!(text.contains("server.socket_group") && text.contains("no-such-group"), "{text}");
    assert!(!socket.exists());
    let mut tcp = home.command(&["check-config"]);
    let text = failure(&run(tcp.env("GATEPOST_SERVER_SOCKET_MODE", "0600"), ""), 1);
    assert!(text.contains("server.socket_mode: has no effect"), "{text}");
}

#[test]
fn health_asks_the_service_wherever_it_listens() {
    let home = Home::new();
    let made = rcgen::generate_simple_self_signed(vec!["auth.example".to_owned()]).unwrap();
    let (certificate, key) = (home.path().join("certificate"), home.path().join("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unix = format!("unix:{}", home.path().join("http.sock").display());
    let tcp = format!("0.0.0.0:{free}");
    let tls = [("SERVER_TLS_CERTIFICATE", &certificate), ("SERVER_TLS_KEY", &key)];
    for (listen, tls) in [(&tcp, &[][..]), (&unix, &[]), (&tcp, &tls[..])] {
        let command = |arguments: &[&str]| {
            let mut command = home.command(arguments);
            command.env("GATEPOST_SERVER_LISTEN", listen);
            for (name, file) in tls {
                command.env(format!("GATEPOST_{name}"), file);
            }
            command
        };
        let text = failure(&run(&mut command(&["health"]), ""), 1);
        assert!(text.contains("does not answer /livez"), "{text}");
        let service = Running::start(&mut command(&["serve"]));
        assert_eq!(success(&run(&mut command(&["health"]), "")), "live\n");
        assert_eq!(success(&run(&mut command(&["health", "--ready"]), "")), "ready\n");
        service.stop();
    }
    for (listen, expected) in [("127.0.0.1:0", "port 0"), ("systemd", "socket unit")] {
        let mut command = home.command(&["health"]);
        let text = failure(&run(command.env("GATEPOST_SERVER_LISTEN", listen), ""), 1);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn health_is_not_fooled_and_does_not_wait_for_ever() {
    let home = Home::new();
    let ask = |address: SocketAddr| {
        let mut command = home.command(&["health"]);
        failure(&run(command.env("GATEPOST_SERVER_LISTEN", address.to_string()), ""), 1)
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let text = ask(silent.local_addr().unwrap());
    assert!(text.contains("does not answer /livez"), "{text}");
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let speaker = std::thread::spawn(move || {
        for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", ""] {
            let (mut stream, _) = other.accept().unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert!(ask(address).contains("answers /livez with 503"));
    assert!(ask(address).contains("not HTTP"));
    assert!(ask(address).contains("does not answer"));
    speaker.join().unwrap();
}

#[test]
fn readiness_is_about_the_database_and_life_is_not() {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("GATEPOST_SERVER_LISTEN", free.to_string());
        // Nobody listens there.
        command.env("GATEPOST_DATABASE_URL", "postgres://gatepost_app:x@127.0.0.1:9/gatepost");
        command
    };
    let service = Running::start(&mut command(&["serve"]));
    assert_eq!(client().get(format!("{}/livez", service.url)).send().unwrap().status(), 200);
    assert_eq!(success(&run(&mut command(&["health"]), "")), "live\n");
    let text = failure(&run(&mut command(&["health", "--ready"]), ""), 1);
    assert!(text.contains("answers /readyz with 503"), "{text}");
    service.stop();
}

#[test]
fn the_units_leave_a_stranger_little_to_do() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/systemd");
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).current_dir(directory).output()
    };
    let arguments =
        ["security", "--offline=true", "--threshold=15", "--no-pager", "gatepost.service"];
    let output = match analyze(&arguments) {
        Err(error) => {
            assert!(std::env::var_os("REQUIRE_SYSTEMD").is_none(), "systemd-analyze: {error}");
            return;
        }
        Ok(output) => output,
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Overall exposure level for gatepost.service: 1."), "{text}");
    let output = analyze(&["verify", "--man=no", "gatepost.service", "gatepost.socket"]).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut unexpected = errors.lines().filter(|line| {
        // The program is not installed here.
        !line.contains("/usr/bin/gatepost is not executable")
    });
    assert_eq!(unexpected.next(), None, "{errors}");
}

#[test]
fn a_passed_socket_that_others_can_reach_is_warned_of_and_one_on_loopback_is_not() {
    let said = |address: &str| {
        let home = Home::new();
        let listener = TcpListener::bind(address).unwrap();
        Running::start(&mut passed(&home, &listener)).stop()
    };
    let open = said("0.0.0.0:0");
    assert!(open.contains("listening on 0.0.0.0:") && open.contains("without TLS"), "{open}");
    let local = said("127.0.0.1:0");
    assert!(!local.contains("without TLS"), "{local}");
}
