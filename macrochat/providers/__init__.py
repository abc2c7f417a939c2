"""Text out of a model. No Flask, no database, no HTTP of ours in this package.

base               the promise every provider keeps
openai_compatible  any server that speaks the OpenAI HTTP API, through the `openai` SDK
  http_client      the SDK's HTTP client, with our limits
  upstream_errors  what a refusal means, in our errors
  complaints       what a server says about its trouble, in whatever shape
  concessions      what some servers do not take, and are asked again without
  completion       an open answer: raw reads in, clean UTF-8 pieces out
  event_stream     bytes → server-sent events
  chunks           events → text, finish_reason, usage
  chunk_shapes     the chunks that are not like most
  model_list       whatever a server lists → the ids that can be offered
  condition        how a provider is, in words for operators
  continuation     going on with a text that was begun earlier
local_model        the embedded model's name and weights
local_llama        the embedded model's process
local_server       its supervisor
scripted           an OpenAI-compatible server for tests that misbehaves on demand
registry           which providers and models this installation offers
"""
