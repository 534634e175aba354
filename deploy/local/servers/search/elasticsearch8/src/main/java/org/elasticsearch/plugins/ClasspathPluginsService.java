package org.elasticsearch.plugins;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.elasticsearch.common.settings.Settings;

/** Plugins that stand on the class path, without a directory of their own. Its package lets it see what a loaded plugin is. */
public final class ClasspathPluginsService extends PluginsService {
    private final List<LoadedPlugin> onClasspath = new ArrayList<>();

    public ClasspathPluginsService(Settings settings, Path config, PluginsLoader loader, List<Class<? extends Plugin>> plugins) {
        super(settings, config, loader);
        for (Class<? extends Plugin> plugin : plugins) {
            PluginDescriptor descriptor = new PluginDescriptor(plugin.getName(), "on the class path", "1", "", "17", plugin.getName(), null,
                List.of(), false, false, false, false);
            onClasspath.add(new LoadedPlugin(descriptor, loadPlugin(plugin, settings, config), getClass().getClassLoader()));
        }
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return onClasspath;
    }
}
