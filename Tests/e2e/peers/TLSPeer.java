import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A peer by Java's own TLS: usage: TLSPeer PORT CERTIFICATES; ends with 0 when zinxd did all that it must. */
class TLSPeer {
  static final int PING = 0, ECHO = 3, LARGEST = 16 << 20, MESSAGES = 20;

  final SSLSocket socket;
  final DataInputStream in;
  final OutputStream out;

  TLSPeer(SSLContext context, int port, String version) throws IOException {
    socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port);
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(20_000);
    socket.setEnabledProtocols(new String[] {version});
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setServerNames(List.of(new SNIHostName("zinx.test")));
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
    out = socket.getOutputStream();
  }

  static byte[] frame(int id, byte[] data) {
    return ByteBuffer.allocate(8 + data.length).order(ByteOrder.LITTLE_ENDIAN).putInt(data.length).putInt(id).put(data).array();
  }

  byte[] answer() throws IOException {
    byte[] header = in.readNBytes(8);
    if (header.length < 8) throw new EOFException();
    return in.readNBytes(ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt());
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  void asks() throws IOException {
    out.write(frame(PING, new byte[0]));
    check(new String(answer()).equals("ping...ping...ping"), "an answer");
  }

  /** Each byte is a record. */
  void spellsOut() throws IOException {
    for (byte one : frame(ECHO, "one".getBytes())) out.write(one);
    check(new String(answer()).equals("one"), "a message of one byte a record");
  }

  void sendsMuch() throws Exception {
    byte[] data = new byte[LARGEST];
    new Random(1).nextBytes(data);
    Throwable[] failure = new Throwable[1];
    Thread writer = new Thread(() -> {
      try { out.write(frame(ECHO, data)); } catch (IOException error) { failure[0] = error; }
    });
    writer.start();
    byte[] echo = answer();
    writer.join();
    check(failure[0] == null, "16 MiB are taken: " + failure[0]);
    check(Arrays.equals(echo, data), "16 MiB come back");
  }

  /** Its side ends behind the last question, and every answer comes, and then the other side's end. */
  void endsItsSide() throws IOException {
    ByteArrayOutputStream questions = new ByteArrayOutputStream();
    for (int number = 0; number < MESSAGES; number++) questions.write(frame(ECHO, new byte[] {(byte) number}));
    out.write(questions.toByteArray());
    socket.shutdownOutput();
    for (int number = 0; number < MESSAGES; number++) check(answer()[0] == number, "answer " + number + " behind a half-close");
    check(in.read() == -1, "the end");
  }

  static SSLContext context(String folder) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    KeyStore authorities = KeyStore.getInstance("PKCS12"), own = KeyStore.getInstance("PKCS12");
    authorities.load(null, null);
    own.load(null, null);
    try (InputStream file = Files.newInputStream(Path.of(folder, "ca.pem"))) {
      authorities.setCertificateEntry("authority", factory.generateCertificate(file));
    }
    String key = Files.readString(Path.of(folder, "client.key")).replaceAll("-----[A-Z ]+-----|\\s", "");
    try (InputStream file = Files.newInputStream(Path.of(folder, "client.pem"))) {
      own.setKeyEntry("client", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(key))),
          new char[0], new Certificate[] {factory.generateCertificate(file)});
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(authorities);
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(own, new char[0]);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    for (String version : List.of("TLSv1.2", "TLSv1.3")) {
      SSLContext context = context(arguments[1]);
      for (boolean isSecond : new boolean[] {false, true}) {
        long begin = System.currentTimeMillis();
        TLSPeer peer = new TLSPeer(context, port, version);
        // A session that is taken up again was made when the first one was.
        boolean isResumed = peer.socket.getSession().getCreationTime() < begin;
        check(peer.socket.getSession().getProtocol().equals(version), version);
        check(isResumed == isSecond, version + (isSecond ? " is taken up again" : " begins"));
        peer.asks();
        peer.spellsOut();
        peer.sendsMuch();
        peer.endsItsSide();
        peer.socket.close();
      }
    }
  }
}
