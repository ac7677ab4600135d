"""Amazon SageMaker's OpenAI route: `https://runtime.sagemaker.REGION.amazonaws.com/endpoints/ENDPOINT/openai/v1`.

docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html: the endpoint in the path decides,
and the body goes to its container (LMI, vLLM) as it is. The container refuses a model that it does not serve, but
takes an empty one. Bearer tokens are made from AWS credentials and live twelve hours at most.
"""

from chatapp.inference.providers.presets.preset import LOCAL, Preset

PRESET = Preset(name="sagemaker", sampling=LOCAL, max_stops=8, sends_model=False)
