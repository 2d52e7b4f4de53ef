// A peer by Go's crypto/tls: usage: tls PORT CERTIFICATES; ends with 0 when zinxd did all that it must.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"time"
)

const (
	ping, echo = 0, 3
	largest    = 16 << 20
	messages   = 20
)

type peer struct{ *tls.Conn }

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

func (p peer) answer() []byte {
	header := make([]byte, 8)
	_, err := io.ReadFull(p, header)
	must(err, "the header of an answer")
	data := make([]byte, binary.LittleEndian.Uint32(header))
	_, err = io.ReadFull(p, data)
	must(err, "an answer")
	return data
}

func (p peer) say(bytes []byte) {
	_, err := p.Write(bytes)
	must(err, "a question")
}

func (p peer) asks() {
	p.say(frame(ping, nil))
	check(string(p.answer()) == "ping...ping...ping", "an answer")
}

// Each byte is a record.
func (p peer) spellsOut() {
	for _, one := range frame(echo, []byte("one")) {
		p.say([]byte{one})
	}
	check(string(p.answer()) == "one", "a message of one byte a record")
}

func (p peer) sendsMuch() {
	data := make([]byte, largest)
	_, err := rand.Read(data)
	must(err, "16 MiB")
	go p.say(frame(echo, data))
	check(bytes.Equal(p.answer(), data), "16 MiB come back")
}

// Its side ends behind the last question, and every answer comes, and then the other side's farewell.
func (p peer) endsItsSide() {
	var questions []byte
	for number := 0; number < messages; number++ {
		questions = append(questions, frame(echo, []byte{byte(number)})...)
	}
	p.say(questions)
	must(p.CloseWrite(), "the end of its side")
	for number := 0; number < messages; number++ {
		check(p.answer()[0] == byte(number), fmt.Sprintf("answer %d behind a half-close", number))
	}
	// Without the farewell it would be io.ErrUnexpectedEOF.
	_, err := p.Read(make([]byte, 1))
	check(err == io.EOF, fmt.Sprintf("the end: %v", err))
}

func main() {
	address, folder := "127.0.0.1:"+os.Args[1], os.Args[2]
	authorities := x509.NewCertPool()
	pem, err := os.ReadFile(folder + "/ca.pem")
	must(err, "the authority")
	check(authorities.AppendCertsFromPEM(pem), "the authority")
	own, err := tls.LoadX509KeyPair(folder+"/client.pem", folder+"/client.key")
	must(err, "the certificate")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		options := &tls.Config{RootCAs: authorities, ServerName: "zinx.test", MinVersion: version, MaxVersion: version,
			Certificates: []tls.Certificate{own}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for _, isSecond := range []bool{false, true} {
			connection, err := tls.Dial("tcp", address, options)
			must(err, "a handshake")
			p := peer{connection}
			must(p.SetDeadline(time.Now().Add(20*time.Second)), "a time limit")
			check(p.ConnectionState().DidResume == isSecond, fmt.Sprintf("version %x, resumed: %v", version, !isSecond))
			p.asks()
			p.spellsOut()
			p.sendsMuch()
			p.endsItsSide()
			p.Close()
		}
	}
	_, err = tls.Dial("tcp", address, &tls.Config{RootCAs: authorities, ServerName: "zinx.test", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	check(err != nil, "a version that is too old is let in")
}
