"""The services Models and Server: what there is to choose from."""

from typing import Any

import grpc

from cristae import __version__
from cristae.models import ModelPackage, check_model_name
from cristae.service.extensions import added_features
from cristae.service.house import House
from cristae.service.job_messages import OUTPUTS, layer_messages, model_message
from cristae.service.label_messages import TARGETS
from cristae.service.pages import page_of, page_size
from cristae.settings import API_VERSION, OLDEST_API_VERSION
from cristae.v1 import models_pb2, models_pb2_grpc, server_pb2, server_pb2_grpc

type Context = grpc.aio.ServicerContext[Any, Any]

FEATURES = (
    *(f"target.{target}" for target in TARGETS),
    *(f"output.{output}" for output in OUTPUTS),
    "budget.preset",
    "budget.minutes",
    "budget.steps",
    "cleaning",
    "evaluation",
    "measuring",
    "prediction.ensemble",
    "prediction.flips",
    "prediction.preview",
    "prediction.split",
    "training.annotators",
    "training.preview",
)


class Models(models_pb2_grpc.ModelsServicer):
    """The library of models."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def ListModels(  # noqa: N802 - the contract's name
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        """List models, newest first."""
        models = await self._house.quick(self._house.library.list)
        size = page_size(request.page_size, self._house.limits)
        shown, next_page = page_of(
            models, lambda model: model.created_s, lambda model: model.name, size, request.page
        )
        return models_pb2.ListModelsResponse(models=map(_message, shown), next_page=next_page)

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.Model:  # noqa: N802
        """Tell about one model."""
        return _message(await self._house.quick(self._house.library.get, request.name))

    async def ListLayers(  # noqa: N802
        self, request: models_pb2.ListLayersRequest, context: Context
    ) -> models_pb2.ListLayersResponse:
        """List the layers of a model's network."""
        model = await self._house.quick(self._house.library.get, request.model_name)
        return models_pb2.ListLayersResponse(layers=layer_messages(await self._house.layers_of(model)))

    async def DeleteModel(  # noqa: N802
        self, request: models_pb2.DeleteModelRequest, context: Context
    ) -> models_pb2.DeleteModelResponse:
        """Delete a model unless a job needs it."""
        name = check_model_name(request.name)
        async with self._house.changing:
            await self._house.refuse_if_needed(model=name)
            await self._house.quick(self._house.library.delete, name)
        return models_pb2.DeleteModelResponse()


def _message(model: ModelPackage) -> models_pb2.Model:
    return model_message(model.name, model.digest, model.record)


class Server(server_pb2_grpc.ServerServicer):
    """Version, limits, devices and features."""

    def __init__(self, house: House, *, stops_with_client: bool) -> None:
        self._house, self._stops_with_client = house, stops_with_client

    async def GetServer(  # noqa: N802
        self, request: server_pb2.GetServerRequest, context: Context
    ) -> server_pb2.GetServerResponse:
        """Answer at once, whatever else the server does."""
        limits = self._house.limits
        return server_pb2.GetServerResponse(
            version=__version__,
            api_version=API_VERSION,
            oldest_api_version=OLDEST_API_VERSION,
            limits=server_pb2.Limits(
                max_message_bytes=limits.max_message_bytes,
                max_block_bytes=limits.max_block_bytes,
                max_voxels=limits.max_voxels,
                max_channels=limits.max_channels,
                max_open_uploads=limits.max_open_uploads,
                max_open_jobs=limits.max_open_jobs,
                max_training_volumes=limits.max_training_volumes,
                max_page_size=limits.max_page_size,
                max_name_length=limits.max_name_length,
                max_maps_bytes=limits.max_maps_bytes,
                max_preview_bytes=limits.max_preview_bytes,
            ),
            devices=[
                server_pb2.Device(
                    name=device.name,
                    description=device.description,
                    memory_bytes=device.memory_bytes,
                    job_id=self._house.supervisor.holder(device.name),
                )
                for device in self._house.devices.known
            ],
            features=(*FEATURES, *self._of_the_owner(), *added_features()),
            stops_with_client=self._stops_with_client,
        )

    def _of_the_owner(self) -> tuple[str, ...]:
        """Return what this server can do because its owner chose so."""
        return () if self._house.offers is None else ("volumes.found",)
