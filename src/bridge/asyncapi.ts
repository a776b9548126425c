/** The protocol as an AsyncAPI 3 document, from the schemas that the service checks messages with. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { clientMessage, closeCodes, serviceMessage, subprotocol } from './protocol.ts';

const summaries: Readonly<Record<string, string>> = {
  begin: 'Begins a flow; the same state and key again give the same flow.',
  resume: 'Takes up a flow that was begun on another connection.',
  ack: 'The result has been handed over.',
  cancel: 'Ends a flow without a response.',
  settle: 'How the sign-in really ended, for the waiting page.',
  leave: 'Ends and forgets every flow of this connection, and closes it.',
  watch: 'Asks for the redacted feed.',
  ping: 'Asks for a sign of life.',
  welcome: 'The first message on each connection.',
  begun: 'The flow is registered.',
  resumed: 'The flow is this connection’s again.',
  failed: 'A flow was not begun or not resumed.',
  result: 'How a flow ended; sent again until it is acknowledged.',
  acknowledged: 'The service has forgotten the flow.',
  watching: 'Where the feed begins.',
  event: 'One event of the feed.',
  pending: 'How many flows wait at this node: as the feed begins, and where that has changed.',
  pong: 'The answer to `ping`.',
};

type Messages = Record<string, object>;

function messagesOf(schema: typeof clientMessage | typeof serviceMessage): Messages {
  return Object.fromEntries(
    schema.options.map((option) => {
      const name = option.entries.type.literal;
      // The draft is the document's.
      const payload = { ...toJsonSchema(option, { errorMode: 'ignore' }), $schema: undefined };
      return [name, { name, summary: summaries[name], contentType: 'application/json', payload }];
    }),
  );
}

function refs(messages: Messages, to: string): object[] {
  return Object.keys(messages).map((name) => ({ $ref: `${to}/${name}` }));
}

export function asyncApi(version: string): object {
  const said = messagesOf(clientMessage);
  const heard = messagesOf(serviceMessage);
  const all = { ...said, ...heard };
  const inChannel = '#/channels/bridge/messages';
  const codes = Object.entries(closeCodes).map(([name, code]) => `${code} ${name}`);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'rx-oauth-callback bridge',
      version,
      description: `WebSocket subprotocol ${subprotocol}. PROTOCOL.md has the delivery contract. Close codes: ${codes.join(', ')}.`,
      license: { name: 'MIT' },
    },
    servers: {
      service: {
        host: 'sign-in.example',
        protocol: 'wss',
        security: [{ $ref: '#/components/securitySchemes/token' }],
      },
    },
    channels: {
      bridge: {
        address: '/bridge',
        messages: Object.fromEntries(
          Object.keys(all).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      toService: {
        action: 'receive',
        channel: { $ref: '#/channels/bridge' },
        messages: refs(said, inChannel),
      },
      toClient: {
        action: 'send',
        channel: { $ref: '#/channels/bridge' },
        messages: refs(heard, inChannel),
      },
    },
    components: { messages: all, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}
