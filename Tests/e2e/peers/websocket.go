// A peer by Go's gorilla/websocket, as Zinx's own example of a WebSocket client is one: usage: websocket ADDRESS [CA]. It exchanges, prints
// "ready", and waits for the end of the server, which is to be one of a drain.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

const ping, echo = 0, 3

func must(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func check(holds bool, what string) {
	if !holds {
		log.Fatal(what)
	}
}

func frame(id uint32, data []byte) []byte {
	bytes := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	bytes = binary.LittleEndian.AppendUint32(bytes, id)
	return append(bytes, data...)
}

func main() {
	dialer := websocket.Dialer{HandshakeTimeout: 20 * time.Second}
	if len(os.Args) > 2 {
		authorities := x509.NewCertPool()
		pem, err := os.ReadFile(os.Args[2])
		must(err, "the authority")
		check(authorities.AppendCertsFromPEM(pem), "the authority")
		dialer.TLSClientConfig = &tls.Config{RootCAs: authorities}
	}
	peer, _, err := dialer.Dial(os.Args[1], nil)
	must(err, "the handshake")
	must(peer.SetReadDeadline(time.Now().Add(40*time.Second)), "a time limit")
	answers := func(expected []byte) {
		kind, message, err := peer.ReadMessage()
		must(err, "an answer")
		check(kind == websocket.BinaryMessage && bytes.Equal(message, expected), "another answer")
	}
	large := bytes.Repeat([]byte("seventy"), 10_000)
	pong := frame(ping, []byte("ping...ping...ping"))
	must(peer.WriteMessage(websocket.BinaryMessage, frame(ping, nil)), "a question")
	answers(pong)
	must(peer.WriteMessage(websocket.BinaryMessage, frame(echo, large)), "70 KB")
	answers(frame(echo, large))
	// In fragments: its writer sends what is more than its buffer.
	writer, err := peer.NextWriter(websocket.BinaryMessage)
	must(err, "a message in fragments")
	for _, part := range [][]byte{frame(echo, large), frame(ping, nil)} {
		_, err = writer.Write(part)
		must(err, "a message in fragments")
	}
	must(writer.Close(), "a message in fragments")
	answers(frame(echo, large))
	answers(pong)
	said := ""
	peer.SetPongHandler(func(text string) error { said = text; return nil })
	must(peer.WriteControl(websocket.PingMessage, []byte("here"), time.Now().Add(20*time.Second)), "a ping")
	must(peer.WriteMessage(websocket.BinaryMessage, frame(ping, nil)), "a question")
	answers(pong)
	check(said == "here", "what a ping says is said again")
	fmt.Println("ready")
	_, _, err = peer.ReadMessage()
	check(websocket.IsCloseError(err, websocket.CloseGoingAway), fmt.Sprintf("the end: %v", err))
}
