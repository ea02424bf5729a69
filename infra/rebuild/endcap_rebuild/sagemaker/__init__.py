"""The rebuild as a SageMaker training job: `python -m endcap_rebuild.sagemaker train`.

It is the program behind `endcap rebuild`, with the folders and files by which SageMaker talks to a container.
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""
