// amqp091-go against the server whose URL is the first argument: prints a line for each step, fails on the first surprise.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var background = context.Background()

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func value[T any](found T, err error) T {
	must(err)
	return found
}

func equal(got, wanted any) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Sprintf("got %#v, wanted %#v", got, wanted))
	}
}

func contains(text, part string) {
	if !strings.Contains(text, part) {
		panic(fmt.Sprintf("%q is not in %q", part, text))
	}
}

func until(found func() bool) {
	for deadline := time.Now().Add(10 * time.Second); !found(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			panic("it did not happen in time")
		}
	}
}

func next[T any](from <-chan T) T {
	select {
	case found, open := <-from:
		if !open {
			panic("closed while something was awaited")
		}
		return found
	case <-time.After(10 * time.Second):
		panic("nothing came in time")
	}
}

func get(channel *amqp.Channel, queue string, autoAck bool) amqp.Delivery {
	var found amqp.Delivery
	until(func() bool {
		message, ok, err := channel.Get(queue, autoAck)
		must(err)
		found = message
		return ok
	})
	return found
}

func publish(channel *amqp.Channel, exchange, key, body string, headers amqp.Table) {
	must(channel.PublishWithContext(background, exchange, key, false, false, amqp.Publishing{Body: []byte(body), Headers: headers}))
}

func exclusive(channel *amqp.Channel, arguments amqp.Table) string {
	return value(channel.QueueDeclare("", false, false, true, false, arguments)).Name
}

func refused(err error) *amqp.Error {
	refusal, ok := err.(*amqp.Error)
	if !ok {
		panic(fmt.Sprintf("not refused: %v", err))
	}
	return refusal
}

func exchangesAndBindings(connection *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	for _, kind := range []string{"direct", "fanout", "topic", "headers"} {
		must(channel.ExchangeDeclare("go-"+kind, kind, false, true, false, false, nil))
	}
	must(channel.ExchangeBind("go-topic", "a.b", "go-direct", false, nil))
	must(channel.QueueBind(queue, "a.*", "go-topic", false, nil))
	must(channel.QueueBind(queue, "", "go-fanout", false, nil))
	must(channel.QueueBind(queue, "", "go-headers", false, amqp.Table{"x-match": "all", "colour": "red", "size": int32(3)}))
	publish(channel, "go-direct", "a.b", "exchange to exchange", nil)
	publish(channel, "go-direct", "a.c", "not bound", nil)
	publish(channel, "go-topic", "a.c", "topic", nil)
	publish(channel, "go-topic", "b.c", "not bound", nil)
	publish(channel, "go-fanout", "any", "fanout", nil)
	publish(channel, "go-headers", "", "headers", amqp.Table{"colour": "red", "size": int64(3)})
	publish(channel, "go-headers", "", "not bound", amqp.Table{"colour": "red", "size": int64(4)})
	for _, wanted := range []string{"exchange to exchange", "topic", "fanout", "headers"} {
		equal(string(get(channel, queue, true).Body), wanted)
	}
	_, more, err := channel.Get(queue, true)
	must(err)
	equal(more, false)
	must(channel.ExchangeDeclarePassive("go-topic", "topic", false, true, false, false, nil))
	must(channel.ExchangeUnbind("go-topic", "a.b", "go-direct", false, nil))
	must(channel.QueueUnbind(queue, "a.*", "go-topic", nil))
	must(channel.ExchangeDelete("go-direct", false, false))
	must(channel.Close())
}

func confirmsAndReturns(connection *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	must(channel.Confirm(false))
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 300))
	returns := channel.NotifyReturn(make(chan amqp.Return, 1))
	for number := 0; number < 200; number++ {
		publish(channel, "", queue, fmt.Sprint(number), nil)
	}
	for number := uint64(1); number <= 200; number++ {
		equal(next(confirms), amqp.Confirmation{DeliveryTag: number, Ack: true})
	}
	must(channel.PublishWithContext(background, "", "nobody", true, false, amqp.Publishing{Body: []byte("back"), MessageId: "m"}))
	equal(next(confirms).Ack, true)
	select {
	case back := <-returns:
		equal([]any{back.ReplyCode, back.ReplyText, back.RoutingKey, back.MessageId, string(back.Body)},
			[]any{uint16(312), "NO_ROUTE", "nobody", "m", "back"})
	default:
		panic("confirmed before it was returned")
	}
	equal(value(channel.QueuePurge(queue, false)), 200)
	full := exclusive(channel, amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	publish(channel, "", full, "1", nil)
	publish(channel, "", full, "2", nil)
	equal([]bool{next(confirms).Ack, next(confirms).Ack}, []bool{true, false})
	large := bytes.Repeat([]byte("x"), 1_000_000)
	deferred := value(channel.PublishWithDeferredConfirmWithContext(background, "", queue, false, false, amqp.Publishing{Body: large}))
	equal(value(deferred.WaitContext(background)), true)
	equal(bytes.Equal(get(channel, queue, true).Body, large), true)
	must(channel.Close())
}

func acksNacksAndRejects(connection *amqp.Connection) {
	channel := value(connection.Channel())
	dead := exclusive(channel, nil)
	queue := exclusive(channel, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	must(channel.Qos(3, 0, false))
	deliveries := value(channel.Consume(queue, "tag", false, false, false, false, nil))
	for number := 0; number < 6; number++ {
		publish(channel, "", queue, fmt.Sprint(number), nil)
	}
	held := []amqp.Delivery{next(deliveries), next(deliveries), next(deliveries)}
	must(held[1].Nack(false, true))
	held = append(held, next(deliveries))
	equal([]any{string(held[3].Body), held[3].Redelivered}, []any{"1", true})
	must(held[3].Ack(true))
	for _, wanted := range []string{"3", "4", "5"} {
		held = append(held, next(deliveries))
		equal(string(held[len(held)-1].Body), wanted)
	}
	must(held[4].Reject(false))
	must(held[5].Nack(false, false))
	first := get(channel, dead, true)
	death := first.Headers["x-death"].([]any)[0].(amqp.Table)
	equal([]any{string(first.Body), death["reason"], death["queue"]}, []any{"3", "rejected", queue})
	equal(string(get(channel, dead, true).Body), "4")
	must(channel.Cancel("tag", false))
	must(channel.Recover(true))
	again := get(channel, queue, false)
	equal([]any{string(again.Body), again.Redelivered}, []any{"5", true})
	must(again.Ack(false))
	must(channel.Close())
}

func transactions(connection *amqp.Connection) {
	channel := value(connection.Channel())
	other := value(connection.Channel())
	queue := exclusive(channel, nil)
	must(channel.Tx())
	publish(channel, "", queue, "rolled back", nil)
	must(channel.TxRollback())
	publish(channel, "", queue, "committed", nil)
	equal(value(other.QueueDeclarePassive(queue, false, false, true, false, nil)).Messages, 0)
	must(channel.TxCommit())
	message := get(other, queue, true)
	equal(string(message.Body), "committed")
	publish(other, "", queue, "acked in a transaction", nil)
	taken := get(channel, queue, false)
	must(taken.Ack(false))
	must(channel.TxRollback())
	must(taken.Ack(false))
	must(channel.TxCommit())
	must(channel.Close())
	equal(value(other.QueueDeclarePassive(queue, false, false, true, false, nil)).Messages, 0)
	must(other.Close())
}

func queues(connection, other *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	equal(strings.HasPrefix(queue, "amq.gen-"), true)
	foreign := value(other.Channel())
	_, err := foreign.QueueDeclarePassive(queue, false, false, false, false, nil)
	equal(refused(err).Code, 405)
	contains(refused(err).Reason, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue")
	value(channel.QueueDeclare("go-fleeting", false, true, false, false, nil))
	value(channel.Consume("go-fleeting", "tag", false, false, false, false, nil))
	must(channel.Cancel("tag", false))
	_, err = channel.QueueDeclarePassive("go-fleeting", false, true, false, false, nil)
	equal(refused(err).Code, 404)
	ranked := value(connection.Channel())
	priorities := exclusive(ranked, amqp.Table{"x-max-priority": int32(5)})
	for _, priority := range []uint8{1, 5, 3} {
		must(ranked.PublishWithContext(background, "", priorities, false, false, amqp.Publishing{Priority: priority}))
	}
	for _, wanted := range []uint8{5, 3, 1} {
		equal(get(ranked, priorities, true).Priority, wanted)
	}
	must(ranked.PublishWithContext(background, "", priorities, false, false, amqp.Publishing{Expiration: "1"}))
	until(func() bool {
		return value(ranked.QueueDeclarePassive(priorities, false, false, true, false, nil)).Messages == 0
	})
	must(ranked.Close())
}

func headers(connection *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	sent := amqp.Table{
		"text": "olá", "empty": "", "yes": true, "no": false, "nothing": nil,
		"byte": byte(200), "int8": int8(-8), "int16": int16(-1600), "uint16": uint16(60_000), "int32": int32(-320_000),
		"uint32": uint32(4_000_000_000), "int64": int64(1) << 50,
		"float32": float32(0.5), "float64": 0.1,
		"decimal":   amqp.Decimal{Scale: 4, Value: 31_415},
		"timestamp": time.Unix(1_700_000_000, 0),
		"bytes":     []byte{0, 1, 254, 255},
		"list":      []any{int32(1), "two", []any{int32(3), amqp.Table{"four": int32(4)}}},
		"table":     amqp.Table{"in": amqp.Table{"of": amqp.Table{"tables": "deep"}}},
	}
	message := amqp.Publishing{
		Headers: sent, ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: 2, Priority: 7,
		CorrelationId: "c", ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1_700_000_001, 0),
		Type: "t", UserId: "guest", AppId: "a", Body: []byte("h"),
	}
	must(channel.PublishWithContext(background, "", queue, false, false, message))
	got := get(channel, queue, true)
	for key, wanted := range sent {
		equal(got.Headers[key], wanted)
	}
	equal(len(got.Headers), len(sent))
	equal(amqp.Publishing{
		Headers: sent, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding, DeliveryMode: got.DeliveryMode,
		Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo, Expiration: got.Expiration,
		MessageId: got.MessageId, Timestamp: got.Timestamp, Type: got.Type, UserId: got.UserId, AppId: got.AppId, Body: got.Body,
	}, message)
	must(channel.Close())
}

func channelErrors(connection *amqp.Connection) {
	channel := value(connection.Channel())
	_, err := channel.QueueDeclarePassive("go-none", false, false, false, false, nil)
	equal([]any{refused(err).Code, refused(err).Reason, refused(err).Server},
		[]any{404, "NOT_FOUND - no queue 'go-none' in vhost '/'", true})
	channel = value(connection.Channel())
	value(channel.QueueDeclare("go-kept", false, false, false, false, nil))
	_, err = channel.QueueDeclare("go-kept", true, false, false, false, nil)
	equal(refused(err).Code, 406)
	contains(refused(err).Reason, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'go-kept' in vhost '/'")
	channel = value(connection.Channel())
	publish(channel, "", "go-kept", "on", nil)
	equal(string(get(channel, "go-kept", true).Body), "on")
	equal(value(channel.QueueDelete("go-kept", false, false, false)), 0)
	must(channel.Close())
}

func cancelNotify(connection *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	cancelled := channel.NotifyCancel(make(chan string, 1))
	deliveries := value(channel.Consume(queue, "tag", false, false, false, false, nil))
	value(channel.QueueDelete(queue, false, false, false))
	equal(next(cancelled), "tag")
	_, open := <-deliveries
	equal(open, false)
	must(channel.Close())
}

func directReplyTo(connection *amqp.Connection) {
	channel := value(connection.Channel())
	queue := exclusive(channel, nil)
	questions := value(channel.Consume(queue, "", true, false, false, false, nil))
	replies := value(channel.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil))
	question := amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: "7", Body: []byte("question")}
	must(channel.PublishWithContext(background, "", queue, false, false, question))
	asked := next(questions)
	answer := amqp.Publishing{CorrelationId: asked.CorrelationId, Body: append([]byte("re: "), asked.Body...)}
	must(channel.PublishWithContext(background, "", asked.ReplyTo, false, false, answer))
	reply := next(replies)
	equal([]string{reply.CorrelationId, string(reply.Body)}, []string{"7", "re: question"})
	must(channel.Close())
}

func heartbeats(idle *amqp.Connection, openedAt time.Time) {
	until(func() bool { return time.Since(openedAt) > 3500*time.Millisecond })
	channel := value(idle.Channel())
	queue := exclusive(channel, nil)
	publish(channel, "", queue, "alive", nil)
	equal(string(get(channel, queue, true).Body), "alive")
}

func main() {
	url := os.Args[1]
	connection := value(amqp.Dial(url))
	idle := value(amqp.DialConfig(url, amqp.Config{Heartbeat: time.Second}))
	openedAt := time.Now()
	equal(connection.Properties["product"], "RabbitMQ")
	for _, step := range []struct {
		name string
		run  func()
	}{
		{"exchanges and bindings", func() { exchangesAndBindings(connection) }},
		{"confirms and returns", func() { confirmsAndReturns(connection) }},
		{"acks, nacks and rejects", func() { acksNacksAndRejects(connection) }},
		{"transactions", func() { transactions(connection) }},
		{"queues", func() { queues(connection, idle) }},
		{"headers", func() { headers(connection) }},
		{"channel errors", func() { channelErrors(connection) }},
		{"cancel notify", func() { cancelNotify(connection) }},
		{"direct reply-to", func() { directReplyTo(connection) }},
		{"heartbeats", func() { heartbeats(idle, openedAt) }},
		{"close", func() { must(connection.Close()); must(idle.Close()) }},
	} {
		step.run()
		fmt.Println(step.name)
	}
}
