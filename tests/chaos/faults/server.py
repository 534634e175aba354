"""What any store's server does when it dies, stops and comes back."""

from kit.world import World


def kill(world: World) -> None:
    world.store.kill()


def start(world: World) -> None:
    world.store.start()


def stop(world: World) -> None:
    world.store.stop()
