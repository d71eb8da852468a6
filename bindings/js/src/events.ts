// What the twenty typed events hold, and the words for states and reasons: types alone, nothing of this is in the bundle. The
// tables of `docs/events.md` say the same for every language. A payload is handed on as it was published: its types are what
// the publisher promised, nothing checks them.

/** One of these, or a value of a later version as it came. */
export type Open<T extends string> = T | (string & {});

/** What stands around every payload. */
export interface Envelope<T extends string = string, P = unknown> {
  type: T;
  /** RFC 3339; a plain server may send none. */
  timestamp?: string;
  /** The topic that brought it; a plain server may send none. */
  topic?: string;
  /** Its position in the gateway's log; signals and plain servers have none. */
  seq?: number;
  /** The position of the event before it in its topic, 0 for the first. */
  prev?: number;
  /** The payload as it was published. */
  payload: P;
}

/**
 * An event as a handler gets it: the payload's members beside the envelope's, which keep their meaning where both have one of the
 * same name (`payload.type` of a `conversation.new`).
 */
export type TypedEvent<T extends string, P> = Envelope<T, P> & Omit<P, keyof Envelope>;

/** An event of a type without a shape of its own. */
export type OtherEvent = Envelope & { [member: string]: unknown };

// Messages.

export type ConversationType = Open<'dm' | 'temp_group' | 'group'>;

export interface ImageMetadata {
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  blurhash?: string | null;
}

export interface Attachment {
  type: Open<'image' | 'file'>;
  s3Key: string;
  fileName: string;
  contentType: string;
  /** Bytes. */
  size: number;
  imageMetadata?: ImageMetadata | null;
}

export interface Mentions {
  userIds?: string[] | null;
  everyone?: boolean | null;
  here?: boolean | null;
}

export interface ActionOption {
  optionId: string;
  label: string;
  style?: Open<'primary' | 'danger' | 'secondary'> | null;
}

/** A question that its reader can answer by choosing. */
export interface Action {
  requestId: string;
  type: string;
  title: string;
  description?: string | null;
  options: ActionOption[];
  expiresAt?: string | null;
  metadata?: unknown;
}

/** The answer to an {@link Action}. */
export interface ActionResponse {
  requestId: string;
  selectedOptionId: string;
}

/** What a message says; every part may be absent. */
export interface Content {
  text?: string | null;
  attachments?: Attachment[] | null;
  mentions?: Mentions | null;
  action?: Action | null;
  response?: ActionResponse | null;
}

export interface MessageNew {
  conversationId: string;
  messageId: string;
  senderId: string;
  senderDisplayName: string;
  senderAvatarUrl?: string | null;
  conversationType: ConversationType;
  conversationName?: string | null;
  content: Content;
  /** Counts within the conversation; not the event's `seq`. */
  sequenceNumber: number;
  /** The only accounts that may see it; absent: every member. */
  visibleTo?: string[] | null;
  createdAt: string;
}

export interface MessageUpdated {
  conversationId: string;
  messageId: string;
  senderId: string;
  content: Content;
  updatedAt: string;
}

export interface MessageDeleted {
  conversationId: string;
  messageId: string;
  senderId: string;
  deletedAt: string;
}

// Conversations.

export type MemberRole = Open<'admin' | 'member'>;
export type AccountType = Open<'human' | 'agent'>;
export type NotifyLevel = Open<'all' | 'mentions' | 'nothing'>;

export interface Member {
  userId: string;
  role: MemberRole;
  accountType: AccountType;
  canSend?: boolean | null;
  notifyLevel?: NotifyLevel | null;
  sessionId?: string | null;
  joinedAt: string;
  username?: string | null;
  displayName?: string | null;
  avatarUrl?: string | null;
}

export interface ConversationNew {
  conversationId: string;
  /** Only under `payload`: beside it, `type` is the event's. */
  type: ConversationType;
  name?: string | null;
  createdBy: string;
}

export interface ConversationUpdated {
  conversationId: string;
  updatedBy: string;
  /** Absent: as before. */
  changes: {
    name?: string | null;
    description?: string | null;
    avatarUrl?: string | null;
    type?: ConversationType | null;
    settings?: unknown;
    /** `null`: enabled again. */
    disabledAt?: string | null;
  };
}

export interface MemberAdded {
  conversationId: string;
  addedBy: string;
  members: Member[];
}

export interface MemberRemoved {
  conversationId: string;
  removedBy: string;
  targetUserId: string;
}

export interface MemberUpdated {
  conversationId: string;
  userId: string;
  updatedBy?: string | null;
  /** Absent: as before. */
  changes: {
    role?: MemberRole | null;
    canSend?: boolean | null;
    notifyLevel?: NotifyLevel | null;
    sessionId?: string | null;
  };
}

// Contacts.

export interface Contact {
  userId: string;
  contactId: string;
  status: string;
  requesterId: string;
  friendAccountType: AccountType;
  friendUsername?: string | null;
  friendDisplayName?: string | null;
  friendAvatarUrl?: string | null;
  friendName?: string | null;
  ownerId?: string | null;
  ownerDisplayName?: string | null;
  note?: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface ContactRequest {
  contact: Contact;
}

export interface ContactEnded {
  userId: string;
  contactId: string;
}

export interface ContactRequestPendingApproval {
  agentId: string;
  requesterId: string;
  requesterName?: string | null;
}

export interface ContactFriendNameUpdated {
  userId: string;
  contactId: string;
  friendName: string;
}

// Accounts.

export interface BlockCreated {
  userId: string;
  blockedUserId: string;
}

export interface BlockRemoved {
  userId: string;
  unblockedUserId: string;
}

/** Absent: as before. */
export interface ProfileUpdated {
  userId: string;
  displayName?: string | null;
  avatarUrl?: string | null;
  username?: string | null;
  bio?: string | null;
}

export interface AgentSettings {
  requireOwnerApprovalForFriendRequests?: boolean | null;
  dmAllowlist?: Open<'owner_only' | 'owner_and_owner_agents' | 'anyone_in_contacts'> | null;
  hideFromOwnerProfile?: boolean | null;
}

export interface AgentSettingsUpdated {
  agentId: string;
  settings: AgentSettings;
}

// Activity.

export type ActivityStatus = Open<'typing' | 'thinking' | 'tool_calling' | 'idle'>;

export interface ActivityChanged {
  conversationId: string;
  userId: string;
  status: ActivityStatus;
}

/** The payload of each typed event. */
export interface PayloadMap {
  'message.new': MessageNew;
  'message.updated': MessageUpdated;
  'message.deleted': MessageDeleted;
  'conversation.new': ConversationNew;
  'conversation.updated': ConversationUpdated;
  'conversation.member_added': MemberAdded;
  'conversation.member_removed': MemberRemoved;
  'conversation.member_updated': MemberUpdated;
  'contact.request_received': ContactRequest;
  'contact.request_accepted': ContactRequest;
  'contact.request_rejected': ContactEnded;
  'contact.request_revoked': ContactEnded;
  'contact.removed': ContactEnded;
  'contact.request_pending_approval': ContactRequestPendingApproval;
  'contact.friend_name_updated': ContactFriendNameUpdated;
  'block.created': BlockCreated;
  'block.removed': BlockRemoved;
  'user.profile_updated': ProfileUpdated;
  'agent.settings_updated': AgentSettingsUpdated;
  'activity.status': ActivityChanged;
}

/** What a handler of each typed event is given. */
export type EventMap = { [T in keyof PayloadMap]: TypedEvent<T, PayloadMap[T]> };

export type MessageNewEvent = EventMap['message.new'];
export type MessageUpdatedEvent = EventMap['message.updated'];
export type MessageDeletedEvent = EventMap['message.deleted'];
export type ConversationNewEvent = EventMap['conversation.new'];
export type ConversationUpdatedEvent = EventMap['conversation.updated'];
export type ConversationMemberAddedEvent = EventMap['conversation.member_added'];
export type ConversationMemberRemovedEvent = EventMap['conversation.member_removed'];
export type ConversationMemberUpdatedEvent = EventMap['conversation.member_updated'];
export type ContactRequestReceivedEvent = EventMap['contact.request_received'];
export type ContactRequestAcceptedEvent = EventMap['contact.request_accepted'];
export type ContactRequestRejectedEvent = EventMap['contact.request_rejected'];
export type ContactRequestRevokedEvent = EventMap['contact.request_revoked'];
export type ContactRemovedEvent = EventMap['contact.removed'];
export type ContactRequestPendingApprovalEvent = EventMap['contact.request_pending_approval'];
export type ContactFriendNameUpdatedEvent = EventMap['contact.friend_name_updated'];
export type BlockCreatedEvent = EventMap['block.created'];
export type BlockRemovedEvent = EventMap['block.removed'];
export type UserProfileUpdatedEvent = EventMap['user.profile_updated'];
export type AgentSettingsUpdatedEvent = EventMap['agent.settings_updated'];
export type ActivityStatusEvent = EventMap['activity.status'];

// States and reasons.

/** Where the agent's socket stands. A handover changes it not. */
export type AgentState = 'connecting' | 'connected' | 'disconnected';

/** Where a managed socket stands. A handover changes it not. */
export type WebSocketState = 'connecting' | 'open' | 'closing' | 'closed' | 'reconnecting';

/** Why a connection was refused. */
export type RejectionReason = Open<'CONNECTION_LIMIT_EXCEEDED' | 'UNAUTHORIZED' | 'FORBIDDEN'>;

/** Why a topic was not subscribed. */
export type RefusalCode = Open<'FORBIDDEN' | 'INVALID_TOPIC' | 'LIMIT_EXCEEDED'>;

/** The answer to a subscribe. */
export interface SubscribeAck {
  /** What is delivered from now on. */
  topics: string[];
  /** What is not. */
  errors: { topic: string; code: RefusalCode }[];
}

/** The answer to an unsubscribe. */
export interface UnsubscribeAck {
  topics: string[];
}
