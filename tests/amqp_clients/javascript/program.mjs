// amqplib against the server whose URL is the first argument: prints a line for each step, fails on the first surprise.
import amqplib from 'amqplib';
import assert from 'node:assert/strict';

const url = process.argv[2];
const name = (what) => `js-${what}`;
const done = (step) => console.log(step);

async function until(found) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await found();
    if (value) return value;
    assert.ok(Date.now() < deadline, 'it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const got = (channel, queue, options) => until(() => channel.get(queue, options));

async function refused(channel, call) {
  const errors = [];
  channel.on('error', (error) => errors.push(error));
  const closed = new Promise((resolve) => channel.once('close', resolve));
  await assert.rejects(call());
  await closed;
  return errors[0];
}

async function exchangesAndBindings(connection) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const type of ['direct', 'fanout', 'topic', 'headers']) {
    await channel.assertExchange(name(type), type, { durable: false, autoDelete: true });
  }
  await channel.bindExchange(name('topic'), name('direct'), 'a.b');
  await channel.bindQueue(queue, name('topic'), 'a.*');
  await channel.bindQueue(queue, name('fanout'), '');
  await channel.bindQueue(queue, name('headers'), '', { 'x-match': 'all', colour: 'red', size: 3 });
  channel.publish(name('direct'), 'a.b', Buffer.from('exchange to exchange'));
  channel.publish(name('direct'), 'a.c', Buffer.from('not bound'));
  channel.publish(name('topic'), 'a.c', Buffer.from('topic'));
  channel.publish(name('topic'), 'b.c', Buffer.from('not bound'));
  channel.publish(name('fanout'), 'any', Buffer.from('fanout'));
  channel.publish(name('headers'), '', Buffer.from('headers'), { headers: { colour: 'red', size: 3 } });
  channel.publish(name('headers'), '', Buffer.from('not bound'), { headers: { colour: 'red', size: 4 } });
  for (const wanted of ['exchange to exchange', 'topic', 'fanout', 'headers']) {
    assert.equal((await got(channel, queue, { noAck: true })).content.toString(), wanted);
  }
  assert.equal(await channel.get(queue), false);
  await channel.unbindExchange(name('topic'), name('direct'), 'a.b');
  await channel.unbindQueue(queue, name('topic'), 'a.*');
  await channel.deleteExchange(name('direct'));
  await channel.close();
}

async function confirmsAndReturns(connection) {
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const heard = [];
  channel.on('return', (message) => heard.push(message));
  for (let number = 0; number < 200; number += 1) {
    channel.publish('', queue, Buffer.from(`${number}`), { persistent: true }, (error) => heard.push(error ?? number));
  }
  await channel.waitForConfirms();
  assert.deepEqual(heard, Array.from({ length: 200 }, (_, number) => number));
  heard.length = 0;
  channel.publish('', 'nobody', Buffer.from('back'), { mandatory: true, messageId: 'm' }, () => heard.push('ack'));
  await channel.waitForConfirms();
  const [returned, confirmed] = heard;
  assert.equal(confirmed, 'ack');
  assert.equal(returned.fields.replyCode, 312);
  assert.equal(returned.fields.replyText, 'NO_ROUTE');
  assert.equal(returned.fields.routingKey, 'nobody');
  assert.equal(returned.properties.messageId, 'm');
  assert.equal(returned.content.toString(), 'back');
  assert.equal((await channel.purgeQueue(queue)).messageCount, 200);
  const full = await channel.assertQueue('', { exclusive: true, maxLength: 1, overflow: 'reject-publish' });
  channel.sendToQueue(full.queue, Buffer.from('1'));
  channel.sendToQueue(full.queue, Buffer.from('2'));
  await assert.rejects(channel.waitForConfirms(), /nacked/);
  const large = Buffer.alloc(1_000_000, 'x');
  channel.sendToQueue(queue, large);
  await channel.waitForConfirms();
  assert.ok((await got(channel, queue, { noAck: true })).content.equals(large));
  await channel.close();
}

async function acksNacksAndRejects(connection) {
  const channel = await connection.createChannel();
  const dead = (await channel.assertQueue('', { exclusive: true })).queue;
  const { queue } = await channel.assertQueue('', {
    exclusive: true,
    deadLetterExchange: '',
    deadLetterRoutingKey: dead,
  });
  await channel.prefetch(3);
  const held = [];
  const { consumerTag } = await channel.consume(queue, (message) => held.push(message));
  for (let number = 0; number < 6; number += 1) channel.sendToQueue(queue, Buffer.from(`${number}`));
  await until(() => held.length === 3);
  channel.nack(held[1], false, true);
  await until(() => held.length === 4);
  assert.equal(held[3].content.toString(), '1');
  assert.equal(held[3].fields.redelivered, true);
  channel.ack(held[3], true);
  await until(() => held.length === 7);
  assert.deepEqual(held.slice(4).map((message) => message.content.toString()), ['3', '4', '5']);
  channel.reject(held[4], false);
  channel.nack(held[5], false, false);
  const first = await got(channel, dead, { noAck: true });
  assert.equal(first.content.toString(), '3');
  assert.equal(first.properties.headers['x-death'][0].reason, 'rejected');
  assert.equal(first.properties.headers['x-death'][0].queue, queue);
  assert.equal((await got(channel, dead, { noAck: true })).content.toString(), '4');
  await channel.cancel(consumerTag);
  await channel.recover();
  const again = await got(channel, queue);
  assert.equal(again.content.toString(), '5');
  assert.equal(again.fields.redelivered, true);
  channel.ackAll();
  await channel.close();
}

async function queues(connection, other) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  assert.match(queue, /^amq\.gen-/);
  const foreign = await other.createChannel();
  const error = await refused(foreign, () => foreign.checkQueue(queue));
  assert.equal(error.code, 405);
  assert.match(error.message, /RESOURCE_LOCKED - cannot obtain exclusive access to locked queue/);
  await channel.assertQueue(name('fleeting'), { durable: false, autoDelete: true });
  const { consumerTag } = await channel.consume(name('fleeting'), () => {});
  await channel.cancel(consumerTag);
  const gone = await refused(channel, () => channel.checkQueue(name('fleeting')));
  assert.equal(gone.code, 404);
  const ranked = await connection.createChannel();
  const { queue: priorities } = await ranked.assertQueue('', { exclusive: true, maxPriority: 5 });
  for (const priority of [1, 5, 3]) ranked.sendToQueue(priorities, Buffer.from(`${priority}`), { priority });
  for (const wanted of ['5', '3', '1']) {
    assert.equal((await got(ranked, priorities, { noAck: true })).content.toString(), wanted);
  }
  ranked.sendToQueue(priorities, Buffer.from('short'), { expiration: '1' });
  await until(async () => (await ranked.checkQueue(priorities)).messageCount === 0);
  await ranked.close();
}

async function headers(connection) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const sent = {
    text: 'olá',
    empty: '',
    yes: true,
    no: false,
    nothing: null,
    int8: { '!': 'int8', value: -8 },
    uint8: { '!': 'uint8', value: 200 },
    int16: { '!': 'int16', value: -1600 },
    uint16: { '!': 'uint16', value: 60_000 },
    int32: { '!': 'int32', value: -320_000 },
    uint32: { '!': 'uint32', value: 4_000_000_000 },
    int64: { '!': 'int64', value: 2 ** 50 },
    float: { '!': 'float', value: 0.5 },
    double: { '!': 'double', value: 0.1 },
    timestamp: { '!': 'timestamp', value: 1_700_000_000 },
    decimal: { '!': 'decimal', value: { digits: 31_415, places: 4 } },
    bytes: Buffer.from([0, 1, 254, 255]),
    list: [1, 'two', [3, { four: 4 }]],
    table: { in: { of: { tables: 'deep' } } },
  };
  channel.sendToQueue(queue, Buffer.from('h'), {
    headers: sent,
    contentType: 'text/plain',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    priority: 7,
    correlationId: 'c',
    replyTo: 'r',
    expiration: '60000',
    messageId: 'm',
    timestamp: 1_700_000_001,
    type: 't',
    userId: 'guest',
    appId: 'a',
  });
  const { properties } = await got(channel, queue, { noAck: true });
  const plain = (value) => (value && value['!'] && !['timestamp', 'decimal'].includes(value['!']) ? value.value : value);
  for (const [key, value] of Object.entries(sent)) assert.deepEqual(properties.headers[key], plain(value), key);
  assert.equal(properties.contentType, 'text/plain');
  assert.equal(properties.contentEncoding, 'utf-8');
  assert.equal(properties.deliveryMode, 2);
  assert.equal(properties.priority, 7);
  assert.equal(properties.correlationId, 'c');
  assert.equal(properties.replyTo, 'r');
  assert.equal(properties.expiration, '60000');
  assert.equal(properties.messageId, 'm');
  assert.equal(properties.timestamp, 1_700_000_001);
  assert.equal(properties.type, 't');
  assert.equal(properties.userId, 'guest');
  assert.equal(properties.appId, 'a');
  await channel.close();
}

async function channelErrors(connection) {
  let channel = await connection.createChannel();
  const missing = await refused(channel, () => channel.checkQueue('js-none'));
  assert.equal(missing.code, 404);
  assert.match(missing.message, /NOT_FOUND - no queue 'js-none' in vhost '\/'/);
  channel = await connection.createChannel();
  await channel.assertQueue(name('kept'), { durable: false });
  const different = await refused(channel, () => channel.assertQueue(name('kept'), { durable: true }));
  assert.equal(different.code, 406);
  assert.match(different.message, /PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'js-kept' in vhost '\/'/);
  channel = await connection.createConfirmChannel();
  channel.sendToQueue(name('kept'), Buffer.from('on'));
  await channel.waitForConfirms();
  assert.equal((await got(channel, name('kept'), { noAck: true })).content.toString(), 'on');
  assert.equal((await channel.deleteQueue(name('kept'))).messageCount, 0);
  await channel.close();
}

async function cancelNotify(connection) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const heard = [];
  await channel.consume(queue, (message) => heard.push(message));
  await channel.deleteQueue(queue);
  await until(() => heard.length === 1);
  assert.equal(heard[0], null);
  await channel.close();
}

async function directReplyTo(connection) {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.consume(queue, (message) => {
    channel.sendToQueue(message.properties.replyTo, Buffer.from(`re: ${message.content}`), {
      correlationId: message.properties.correlationId,
    });
    channel.ack(message);
  });
  const replies = [];
  await channel.consume('amq.rabbitmq.reply-to', (message) => replies.push(message), { noAck: true });
  channel.sendToQueue(queue, Buffer.from('question'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' });
  await until(() => replies.length === 1);
  assert.equal(replies[0].content.toString(), 're: question');
  assert.equal(replies[0].properties.correlationId, '7');
  await channel.close();
}

async function heartbeats(idle, openedAt) {
  await until(() => Date.now() - openedAt > 3_500);
  const channel = await idle.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  channel.sendToQueue(queue, Buffer.from('alive'));
  assert.equal((await got(channel, queue)).content.toString(), 'alive');
}

const connection = await amqplib.connect(url);
const idle = await amqplib.connect(`${url}?heartbeat=1`);
const openedAt = Date.now();
const { product, capabilities } = connection.connection.serverProperties;
assert.equal(product, 'RabbitMQ');
assert.equal(capabilities.publisher_confirms, true);
await exchangesAndBindings(connection);
done('exchanges and bindings');
await confirmsAndReturns(connection);
done('confirms and returns');
await acksNacksAndRejects(connection);
done('acks, nacks and rejects');
await queues(connection, idle);
done('queues');
await headers(connection);
done('headers');
await channelErrors(connection);
done('channel errors');
await cancelNotify(connection);
done('cancel notify');
await directReplyTo(connection);
done('direct reply-to');
await heartbeats(idle, openedAt);
done('heartbeats');
await connection.close();
await idle.close();
done('close');
