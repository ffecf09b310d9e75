import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.ShutdownSignalException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The Java client against the server whose URL is the first argument: prints a line for each step, fails on the first surprise. */
public final class Program {
    private static void equal(Object got, Object wanted) {
        if (!Objects.deepEquals(got, wanted)) {
            throw new AssertionError("got " + got + ", wanted " + wanted);
        }
    }

    private static void until(Callable<Boolean> found) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!found.call()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("it did not happen in time");
            }
            Thread.sleep(10);
        }
    }

    private static <T> T next(BlockingQueue<T> from) throws Exception {
        return Objects.requireNonNull(from.poll(10, TimeUnit.SECONDS), "nothing came in time");
    }

    private static GetResponse get(Channel channel, String queue, boolean autoAck) throws Exception {
        GetResponse[] found = new GetResponse[1];
        until(() -> (found[0] = channel.basicGet(queue, autoAck)) != null);
        return found[0];
    }

    private static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }

    private static void publish(Channel channel, String exchange, String key, String body) throws Exception {
        channel.basicPublish(exchange, key, null, body.getBytes(StandardCharsets.UTF_8));
    }

    private static String exclusive(Channel channel, Map<String, Object> arguments) throws Exception {
        return channel.queueDeclare("", false, true, false, arguments).getQueue();
    }

    private static AMQP.Channel.Close refused(Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (Exception error) {
            Throwable cause = error instanceof ShutdownSignalException ? error : error.getCause();
            if (cause instanceof ShutdownSignalException) {
                return (AMQP.Channel.Close) ((ShutdownSignalException) cause).getReason();
            }
            throw error;
        }
        throw new AssertionError("it was not refused");
    }

    private static void exchangesAndBindings(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        String queue = exclusive(channel, null);
        for (String type : List.of("direct", "fanout", "topic", "headers")) {
            channel.exchangeDeclare("java-" + type, type, false, true, null);
        }
        channel.exchangeBind("java-topic", "java-direct", "a.b");
        channel.queueBind(queue, "java-topic", "a.*");
        channel.queueBind(queue, "java-fanout", "");
        channel.queueBind(queue, "java-headers", "", Map.of("x-match", "all", "colour", "red", "size", 3));
        publish(channel, "java-direct", "a.b", "exchange to exchange");
        publish(channel, "java-direct", "a.c", "not bound");
        publish(channel, "java-topic", "a.c", "topic");
        publish(channel, "java-topic", "b.c", "not bound");
        publish(channel, "java-fanout", "any", "fanout");
        for (int size : new int[] {3, 4}) {
            AMQP.BasicProperties said = new AMQP.BasicProperties.Builder().headers(Map.of("colour", "red", "size", size)).build();
            channel.basicPublish("java-headers", "", said, "headers".getBytes());
        }
        for (String wanted : List.of("exchange to exchange", "topic", "fanout", "headers")) {
            equal(text(get(channel, queue, true).getBody()), wanted);
        }
        equal(channel.basicGet(queue, true), null);
        channel.exchangeDeclarePassive("java-topic");
        channel.exchangeUnbind("java-topic", "java-direct", "a.b");
        channel.queueUnbind(queue, "java-topic", "a.*");
        channel.exchangeDelete("java-direct");
        channel.close();
    }

    private static void confirmsAndReturns(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        String queue = exclusive(channel, null);
        channel.confirmSelect();
        for (int number = 0; number < 200; number++) {
            publish(channel, "", queue, Integer.toString(number));
        }
        channel.waitForConfirmsOrDie(10_000);
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        channel.addReturnListener(heard::add);
        channel.addConfirmListener((tag, multiple) -> heard.add("ack"), (tag, multiple) -> heard.add("nack"));
        channel.basicPublish("", "nobody", true, new AMQP.BasicProperties.Builder().messageId("m").build(), "back".getBytes());
        com.rabbitmq.client.Return back = (com.rabbitmq.client.Return) next(heard);
        equal(back.getReplyCode(), 312);
        equal(back.getReplyText(), "NO_ROUTE");
        equal(back.getRoutingKey(), "nobody");
        equal(back.getProperties().getMessageId(), "m");
        equal(text(back.getBody()), "back");
        equal(next(heard), "ack");
        equal(channel.queuePurge(queue).getMessageCount(), 200);
        String full = exclusive(channel, Map.of("x-max-length", 1, "x-overflow", "reject-publish"));
        publish(channel, "", full, "1");
        publish(channel, "", full, "2");
        equal(channel.waitForConfirms(10_000), false);
        byte[] large = new byte[1_000_000];
        Arrays.fill(large, (byte) 'x');
        channel.basicPublish("", queue, null, large);
        equal(channel.waitForConfirms(10_000), true);
        equal(get(channel, queue, true).getBody(), large);
        channel.close();
    }

    private static void acksNacksAndRejects(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        String dead = exclusive(channel, null);
        String queue = exclusive(channel, Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", dead));
        channel.basicQos(3);
        BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
        String tag = channel.basicConsume(queue, false, (consumer, delivery) -> deliveries.add(delivery), consumer -> {});
        for (int number = 0; number < 6; number++) {
            publish(channel, "", queue, Integer.toString(number));
        }
        Delivery[] held = new Delivery[7];
        for (int at = 0; at < 3; at++) {
            held[at] = next(deliveries);
        }
        channel.basicNack(held[1].getEnvelope().getDeliveryTag(), false, true);
        held[3] = next(deliveries);
        equal(text(held[3].getBody()), "1");
        equal(held[3].getEnvelope().isRedeliver(), true);
        channel.basicAck(held[3].getEnvelope().getDeliveryTag(), true);
        for (int at = 4; at < 7; at++) {
            held[at] = next(deliveries);
            equal(text(held[at].getBody()), Integer.toString(at - 1));
        }
        channel.basicReject(held[4].getEnvelope().getDeliveryTag(), false);
        channel.basicNack(held[5].getEnvelope().getDeliveryTag(), false, false);
        GetResponse first = get(channel, dead, true);
        Map<?, ?> death = (Map<?, ?>) ((List<?>) first.getProps().getHeaders().get("x-death")).get(0);
        equal(text(first.getBody()), "3");
        equal(death.get("reason").toString(), "rejected");
        equal(death.get("queue").toString(), queue);
        equal(text(get(channel, dead, true).getBody()), "4");
        channel.basicCancel(tag);
        channel.basicRecover(true);
        GetResponse again = get(channel, queue, false);
        equal(text(again.getBody()), "5");
        equal(again.getEnvelope().isRedeliver(), true);
        channel.basicAck(again.getEnvelope().getDeliveryTag(), false);
        channel.close();
    }

    private static void transactions(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        Channel other = connection.createChannel();
        String queue = exclusive(channel, null);
        channel.txSelect();
        publish(channel, "", queue, "rolled back");
        channel.txRollback();
        publish(channel, "", queue, "committed");
        equal(other.messageCount(queue), 0L);
        channel.txCommit();
        equal(text(get(other, queue, true).getBody()), "committed");
        publish(other, "", queue, "acked in a transaction");
        long taken = get(channel, queue, false).getEnvelope().getDeliveryTag();
        channel.basicAck(taken, false);
        channel.txRollback();
        channel.basicAck(taken, false);
        channel.txCommit();
        channel.close();
        equal(other.messageCount(queue), 0L);
        other.close();
    }

    private static void queues(Connection connection, Connection other) throws Exception {
        Channel channel = connection.createChannel();
        String queue = exclusive(channel, null);
        equal(queue.startsWith("amq.gen-"), true);
        Channel foreign = other.createChannel();
        AMQP.Channel.Close locked = refused(() -> foreign.queueDeclarePassive(queue));
        equal(locked.getReplyCode(), 405);
        equal(locked.getReplyText().startsWith("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue"), true);
        channel.queueDeclare("java-fleeting", false, false, true, null);
        String tag = channel.basicConsume("java-fleeting", false, (consumer, delivery) -> {}, consumer -> {});
        channel.basicCancel(tag);
        equal(refused(() -> channel.queueDeclarePassive("java-fleeting")).getReplyCode(), 404);
        Channel ranked = connection.createChannel();
        String priorities = exclusive(ranked, Map.of("x-max-priority", 5));
        for (int priority : new int[] {1, 5, 3}) {
            ranked.basicPublish("", priorities, new AMQP.BasicProperties.Builder().priority(priority).build(), new byte[0]);
        }
        for (int wanted : new int[] {5, 3, 1}) {
            equal(get(ranked, priorities, true).getProps().getPriority(), wanted);
        }
        ranked.basicPublish("", priorities, new AMQP.BasicProperties.Builder().expiration("1").build(), new byte[0]);
        until(() -> ranked.messageCount(priorities) == 0);
        ranked.close();
    }

    private static Object plain(Object value) {
        if (value instanceof com.rabbitmq.client.LongString) {
            return value.toString();
        }
        if (value instanceof List) {
            return ((List<?>) value).stream().map(Program::plain).toList();
        }
        if (value instanceof Map) {
            Map<Object, Object> found = new HashMap<>();
            ((Map<?, ?>) value).forEach((key, each) -> found.put(key, plain(each)));
            return found;
        }
        return value;
    }

    private static void headers(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        String queue = exclusive(channel, null);
        Map<String, Object> sent = new HashMap<>();
        sent.put("text", "olá");
        sent.put("empty", "");
        sent.put("yes", true);
        sent.put("no", false);
        sent.put("nothing", null);
        sent.put("int8", (byte) -8);
        sent.put("int16", (short) -1600);
        sent.put("int32", -320_000);
        sent.put("int64", 1L << 50);
        sent.put("float", 0.5f);
        sent.put("double", 0.1);
        sent.put("decimal", new BigDecimal("3.1415"));
        sent.put("timestamp", new Date(1_700_000_000_000L));
        sent.put("bytes", new byte[] {0, 1, -2, -1});
        sent.put("list", List.of(1, "two", List.of(3, Map.of("four", 4))));
        sent.put("table", Map.of("in", Map.of("of", Map.of("tables", "deep"))));
        AMQP.BasicProperties message = new AMQP.BasicProperties("text/plain", "utf-8", sent, 2, 7, "c", "r", "60000", "m",
            new Date(1_700_000_001_000L), "t", "guest", "a", null);
        channel.basicPublish("", queue, message, "h".getBytes());
        AMQP.BasicProperties got = get(channel, queue, true).getProps();
        for (Map.Entry<String, Object> each : sent.entrySet()) {
            equal(plain(got.getHeaders().get(each.getKey())), each.getValue());
        }
        equal(got.getHeaders().size(), sent.size());
        equal(got.builder().headers(null).build(), message.builder().headers(null).build());
        channel.close();
    }

    private static void channelErrors(Connection connection) throws Exception {
        Channel first = connection.createChannel();
        AMQP.Channel.Close missing = refused(() -> first.queueDeclarePassive("java-none"));
        equal(missing.getReplyCode(), 404);
        equal(missing.getReplyText(), "NOT_FOUND - no queue 'java-none' in vhost '/'");
        Channel second = connection.createChannel();
        second.queueDeclare("java-kept", false, false, false, null);
        AMQP.Channel.Close different = refused(() -> second.queueDeclare("java-kept", true, false, false, null));
        equal(different.getReplyCode(), 406);
        equal(different.getReplyText(), "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'java-kept' in vhost '/': "
            + "received 'true' but current is 'false'");
        Channel third = connection.createChannel();
        publish(third, "", "java-kept", "on");
        equal(text(get(third, "java-kept", true).getBody()), "on");
        equal(third.queueDelete("java-kept").getMessageCount(), 0);
        third.close();
    }

    private static void cancelNotify(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        String queue = exclusive(channel, null);
        BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
        String tag = channel.basicConsume(queue, false, (consumer, delivery) -> {}, cancelled::add);
        channel.queueDelete(queue);
        equal(next(cancelled), tag);
        channel.close();
    }

    private static void directReplyTo(Connection connection) throws Exception {
        Channel channel = connection.createChannel();
        Channel asking = connection.createChannel();
        String queue = exclusive(channel, null);
        channel.basicConsume(queue, true, (consumer, question) -> {
            AMQP.BasicProperties said = question.getProperties();
            AMQP.BasicProperties answer = new AMQP.BasicProperties.Builder().correlationId(said.getCorrelationId()).build();
            channel.basicPublish("", said.getReplyTo(), answer, ("re: " + text(question.getBody())).getBytes());
        }, consumer -> {});
        RpcClient client = new RpcClient(new RpcClientParams().channel(asking).exchange("").routingKey(queue).timeout(10_000));
        equal(text(client.responseCall("question".getBytes()).getBody()), "re: question");
        client.close();
        asking.close();
        channel.close();
    }

    private static void heartbeats(Connection idle, long openedNanoseconds) throws Exception {
        until(() -> System.nanoTime() - openedNanoseconds > TimeUnit.MILLISECONDS.toNanos(3_500));
        Channel channel = idle.createChannel();
        String queue = exclusive(channel, null);
        publish(channel, "", queue, "alive");
        equal(text(get(channel, queue, true).getBody()), "alive");
    }

    public static void main(String[] arguments) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(arguments[0].replaceAll("/$", ""));
        factory.setAutomaticRecoveryEnabled(false);
        Connection connection = factory.newConnection();
        factory.setRequestedHeartbeat(1);
        Connection idle = factory.newConnection();
        long openedNanoseconds = System.nanoTime();
        equal(connection.getServerProperties().get("product").toString(), "RabbitMQ");
        equal(idle.getHeartbeat(), 1);
        exchangesAndBindings(connection);
        System.out.println("exchanges and bindings");
        confirmsAndReturns(connection);
        System.out.println("confirms and returns");
        acksNacksAndRejects(connection);
        System.out.println("acks, nacks and rejects");
        transactions(connection);
        System.out.println("transactions");
        queues(connection, idle);
        System.out.println("queues");
        headers(connection);
        System.out.println("headers");
        channelErrors(connection);
        System.out.println("channel errors");
        cancelNotify(connection);
        System.out.println("cancel notify");
        directReplyTo(connection);
        System.out.println("direct reply-to");
        heartbeats(idle, openedNanoseconds);
        System.out.println("heartbeats");
        connection.close();
        idle.close();
        System.out.println("close");
    }
}
