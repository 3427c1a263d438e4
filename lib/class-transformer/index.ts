export {
  classTransformerCodec,
  type ClassTransformerCodecOptions,
} from './class-transformer-codec.js';
