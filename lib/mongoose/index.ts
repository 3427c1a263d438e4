export { MongooseParticipant, type MongooseParticipantOptions } from './mongoose-participant.js';
